//! A reset whose answer is lost: it tries again, and what happened in the meantime stays.

use std::sync::Arc;
use std::thread;

use super::{Number, ONE_THREAD, on_each_store, reset, reset_well, take};
use crate::support::daemon::{Daemon, Finished};
use crate::support::proxy::{Fault, Proxy};
use crate::support::store_server::{Kind, StoreServer};
use crate::support::wait::wait_until;

/// A store with a process that has taken one number, and a proxy for resets, which lets no answer
/// through once the epoch is another.
struct Scene {
    server: Arc<StoreServer>,
    daemon: Daemon,
    proxy: Proxy,
}

impl Scene {
    fn start(kind: Kind) -> Self {
        let server = Arc::new(kind.start());
        let daemon = Daemon::start_with_store(&server.url(), ONE_THREAD);
        assert_eq!(take(&daemon), Number(1));
        let proxy = Proxy::start(kind, server.port(), Fault::None);
        let (watched, before) = (Arc::clone(&server), server.epoch());
        proxy.swallow_when(move || watched.epoch() != before);
        Self { server, daemon, proxy }
    }

    /// Runs a reset to a limit of 50 whose answer is lost, then `meanwhile`, and then lets the
    /// reset try again.
    fn reset(&self, meanwhile: impl FnOnce()) -> Finished {
        thread::scope(|scope| {
            let url = self.proxy.url();
            let running = scope.spawn(move || reset(&url, &["--limit", "50"]));
            wait_until("the reset to have run", || self.proxy.swallowed() > 0);
            meanwhile();
            self.proxy.pass_again();
            running.join().expect("it ends by itself")
        })
    }
}

#[test]
fn a_reset_whose_answer_was_lost_does_not_reset_again() {
    on_each_store(|kind| {
        let scene = Scene::start(kind);
        let finished = scene.reset(|| assert_eq!(take(&scene.daemon), Number(1)));
        assert_eq!(finished.code, Some(0), "{finished:?}");
        assert_eq!(scene.server.counter("default"), Some((1, 50)), "a number was taken since");
        assert_eq!(take(&scene.daemon), Number(2));
    });
}

#[test]
fn a_reset_that_another_one_followed_says_so_and_stops() {
    on_each_store(|kind| {
        let scene = Scene::start(kind);
        let finished = scene.reset(|| {
            reset_well(&scene.server, &["--limit", "7"]);
            assert_eq!(take(&scene.daemon), Number(1));
        });
        assert_eq!(scene.server.counter("default"), Some((1, 7)), "{finished:?}");
        assert_eq!(finished.code, Some(1), "{finished:?}");
        let words = finished.stderr.concat();
        assert!(!words.is_empty() && !words.contains("not available"), "{words}");
        assert_eq!(take(&scene.daemon), Number(2));
    });
}

#[test]
fn a_reset_that_never_hears_an_answer_says_that_it_may_still_happen() {
    on_each_store(|kind| {
        let scene = Scene::start(kind);
        let finished = reset(&scene.proxy.url(), &["--limit", "50"]);
        assert_eq!(finished.code, Some(1), "{finished:?}");
        assert!(finished.stderr.concat().contains("may still"), "{finished:?}");
        assert_eq!(take(&scene.daemon), Number(1));
    });
}

//! A reset that reaches the store only after its process has given up: it begins one epoch, or
//! none if another came in between.

use super::{Number, ONE_THREAD, on_each_store, reset, reset_well, take};
use crate::support::daemon::{Daemon, Finished};
use crate::support::proxy::{Fault, Proxy};
use crate::support::store_server::{Kind, StoreServer};

/// A limit that only the late reset has: the proxy knows by it what to hold.
const LIMIT: u64 = 7_654_321;

struct Scene {
    server: StoreServer,
    daemon: Daemon,
    proxy: Proxy,
    given_up: Finished,
}

impl Scene {
    /// A counter of which one number is taken, and a reset of it that is on its way.
    fn start(kind: Kind) -> Self {
        let server = kind.start();
        let daemon = Daemon::start_with_store(&server.url(), ONE_THREAD);
        assert_eq!(take(&daemon), Number(1));
        let proxy = Proxy::start(kind, server.port(), Fault::None);
        proxy.held().hold(LIMIT);
        let given_up = reset(&proxy.url(), &["--limit", &LIMIT.to_string()]);
        assert_eq!(given_up.code, Some(1), "{given_up:?}");
        assert!(proxy.held().count() > 0, "the reset was never sent");
        Self { server, daemon, proxy, given_up }
    }

    fn let_all_go(&self) {
        self.proxy.held().let_go(self.proxy.held().count());
    }

    fn assert_it_was_said(&self) {
        assert!(self.given_up.stderr.concat().contains("may still"), "{:?}", self.given_up);
    }
}

#[test]
fn a_reset_that_arrives_late_runs_once() {
    on_each_store(|kind| {
        let scene = Scene::start(kind);
        scene.proxy.held().let_go(1);
        assert_eq!(take(&scene.daemon), Number(1), "the first one runs");
        scene.let_all_go();
        assert_eq!(scene.server.counter("default"), Some((1, LIMIT)), "the others do not");
        assert_eq!(take(&scene.daemon), Number(2));
        scene.assert_it_was_said();
    });
}

#[test]
fn a_reset_that_arrives_late_after_another_one_does_nothing() {
    on_each_store(|kind| {
        let scene = Scene::start(kind);
        reset_well(&scene.server, &["--limit", "7"]);
        assert_eq!(take(&scene.daemon), Number(1));
        scene.let_all_go();
        assert_eq!(scene.server.counter("default"), Some((1, 7)));
        assert_eq!(take(&scene.daemon), Number(2));
        scene.assert_it_was_said();
    });
}

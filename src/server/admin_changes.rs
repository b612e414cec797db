//! The threads that carry out changes of the admin listener: each as a command would do it, over
//! connections of its own, so that no reactor waits, and no change for another.

use std::io;
use std::sync::Arc;
use std::thread;

use mio::Waker;

use crate::api::admin::answer::ChangeResult;
use crate::config::Config;
use crate::engine::changes::AdminChange;
use crate::net::change_queue::ChangeQueue;
use crate::server::commands::RemoteChange;
use crate::store::counters::Counters;

/// Starts the thread that starts the others; it ends with the reactor that it serves. `waker` wakes
/// that.
///
/// # Errors
/// The system has no thread.
pub fn start(
    config: &Config,
    counters: &Arc<Counters>,
    waker: Arc<Waker>,
) -> io::Result<Arc<ChangeQueue>> {
    let changes = Arc::new(ChangeQueue::default());
    let (config, counters, queue) = (config.clone(), Arc::clone(counters), Arc::clone(&changes));
    thread::Builder::new().name("admin".to_owned()).spawn(move || {
        while let Some(change) = queue.next() {
            let name = &counters.get(change.counter).name;
            let remote = RemoteChange::new(&config, name, change.request, change.deadline);
            begin(change, remote, &queue, &waker);
        }
    })?;
    Ok(changes)
}

/// Carries a change out on a thread of its own. The engine bounds how many there are.
fn begin(change: AdminChange, remote: RemoteChange, queue: &Arc<ChangeQueue>, waker: &Arc<Waker>) {
    let (done, queue_too, waker_too) = (change.clone(), Arc::clone(queue), Arc::clone(waker));
    let run = move || finish(done, remote.run(), &queue_too, &waker_too);
    let thread = thread::Builder::new().name("change".to_owned());
    if let Err(error) = thread.spawn(run) {
        finish(change, Err(error), queue, waker);
    }
}

fn finish(
    change: AdminChange,
    result: io::Result<ChangeResult>,
    queue: &ChangeQueue,
    waker: &Waker,
) {
    let result = result.unwrap_or_else(|error| ChangeResult::Unavailable(error.to_string()));
    queue.finish((change, result));
    // It fails only when the reactor has ended, and then nobody waits.
    let _ = waker.wake();
}

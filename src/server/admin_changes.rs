//! The threads that carry out changes of the admin listener, so that no reactor waits, and no
//! change for another: each as a command would do it, over connections of its own, or, of a file
//! that is served here, by its committer.

use std::io;
use std::sync::Arc;
use std::thread;

use mio::Waker;

use crate::api::admin::answer::ChangeResult;
use crate::config::Config;
use crate::engine::changes::AdminChange;
use crate::net::change_queue::ChangeQueue;
use crate::server::commands::RemoteChange;
use crate::server::file_change::FileChange;
use crate::store::counters::Counters;
use crate::store::file::served::CommitQueue;

/// How a change is carried out.
enum Executor {
    Command(RemoteChange),
    File(FileChange),
}

impl Executor {
    fn run(&self) -> io::Result<ChangeResult> {
        match self {
            Executor::Command(change) => change.run(),
            Executor::File(change) => change.run(),
        }
    }
}

/// Starts the thread that starts the others; it ends with the reactor that it serves. `waker` wakes
/// that. `commits` are those of the file, if that is the store.
///
/// # Errors
/// The system has no thread.
pub fn start(
    config: &Config,
    counters: &Arc<Counters>,
    commits: Option<Arc<CommitQueue>>,
    waker: Arc<Waker>,
) -> io::Result<Arc<ChangeQueue>> {
    let changes = Arc::new(ChangeQueue::default());
    let (config, counters, queue) = (config.clone(), Arc::clone(counters), Arc::clone(&changes));
    thread::Builder::new().name("admin".to_owned()).spawn(move || {
        while let Some(change) = queue.next() {
            let name = &counters.get(change.counter).name;
            let (request, deadline) = (change.request, change.deadline);
            let executor = match &commits {
                Some(commits) => {
                    let (commits, counter) = (Arc::clone(commits), change.counter);
                    let name = name.clone();
                    Executor::File(FileChange { commits, counter, name, request, deadline })
                }
                None => Executor::Command(RemoteChange::new(&config, name, request, deadline)),
            };
            begin(change, executor, &queue, &waker);
        }
    })?;
    Ok(changes)
}

/// Carries a change out on a thread of its own. The engine bounds how many there are.
fn begin(change: AdminChange, executor: Executor, queue: &Arc<ChangeQueue>, waker: &Arc<Waker>) {
    let (done, queue_too, waker_too) = (change.clone(), Arc::clone(queue), Arc::clone(waker));
    let run = move || finish(done, executor.run(), &queue_too, &waker_too);
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

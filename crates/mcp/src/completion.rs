//! Sleeping until a task may have ended. The event is that the lock of its runner opens. A task without a lock is
//! checked from time to time.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use sisyphus_base::paths::StateDir;
use sisyphus_control::watch_runner;
use sisyphus_process::Watchers;
use sisyphus_tasks::task::Task;
use tokio::sync::Notify;
use tokio::sync::futures::Notified;
use tokio::time::timeout;

/// How often a task without a lock is checked.
const LOOK: Duration = Duration::from_secs(2);

/// The locks that this server waits for, each once, however many calls wait for it.
pub(crate) struct Completions {
    watchers: Watchers,
    opened: Arc<Notify>,
    has_closed: AtomicBool,
}

impl Completions {
    pub(crate) fn new() -> Self {
        let opened = Arc::new(Notify::new());
        let ring = Arc::clone(&opened);
        let watchers = Watchers::new(move || ring.notify_waiters());
        Self { watchers, opened, has_closed: AtomicBool::new(false) }
    }

    /// Wakes every waiting call, because Claude Code is gone.
    pub(crate) fn close(&self) {
        self.has_closed.store(true, Ordering::SeqCst);
        self.opened.notify_waiters();
    }

    pub(crate) fn has_closed(&self) -> bool {
        self.has_closed.load(Ordering::SeqCst)
    }

    /// Listens for the next lock that opens. Call this before checking the task, so that no opening is missed in
    /// between.
    pub(crate) fn listen(&self) -> Pin<Box<Notified<'_>>> {
        let mut opened = Box::pin(self.opened.notified());
        opened.as_mut().enable();
        opened
    }

    /// Sleeps until `opened` fires or the task is due for a check, at most for `at_most`.
    pub(crate) async fn sleep(
        &self,
        opened: Pin<Box<Notified<'_>>>,
        task: &Task,
        state: &StateDir,
        at_most: Duration,
    ) {
        watch_runner(&self.watchers, task, state);
        let _ = timeout(at_most.min(LOOK), opened).await;
    }
}

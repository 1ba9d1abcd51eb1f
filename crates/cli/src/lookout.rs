//! Waiting for tasks to end: looks what has become of them, and sleeps between two looks.

use std::collections::HashSet;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::Duration;

use anyhow::Result;
use chrono::Utc;
use sisyphus_core::fold::{Scope, fold};
use sisyphus_core::id::TaskId;
use sisyphus_core::run_folder::RunRoot;
use sisyphus_core::status::{Status, Watch};
use sisyphus_core::store::{LOCK_WAIT_IN_RUNNER, Store, wait_until_open};
use sisyphus_core::task::Task;

use crate::print;

/// How long to sleep at most between two looks. The end of a supervised task is seen at once, because its lock opens;
/// that of others only by looking.
pub(crate) const TICK: Duration = Duration::from_millis(100);

/// Stack of a thread that does nothing but wait for one lock, in bytes.
const WATCHER_STACK: usize = 64 * 1024;
/// How many locks are waited for at once.
const WATCHERS: usize = 32;

/// What has become of a task.
#[derive(Debug)]
pub(crate) enum Course {
    Live(Task),
    Ended(Task),
    /// There is no record of it any more: the call was denied, and never ran.
    Forgotten,
}

/// Who looks out for ends.
#[derive(Debug)]
pub(crate) struct Lookout {
    store: Store,
    /// Both ends are kept, so that it never hangs up.
    bell: (Sender<()>, Receiver<()>),
    watched: HashSet<TaskId>,
    /// A trouble that lasts is told once.
    has_warned: bool,
}

impl Lookout {
    pub(crate) fn new(store: Store) -> Self {
        Self { store, bell: channel(), watched: HashSet::new(), has_warned: false }
    }

    pub(crate) fn store(&self) -> &Store {
        &self.store
    }

    /// Looks what has become of each of these tasks, after folding what has ended meanwhile.
    pub(crate) fn look(&mut self, ids: &[TaskId]) -> Result<Vec<Course>> {
        if let Err(error) = fold(&self.store, Scope::All, LOCK_WAIT_IN_RUNNER, Utc::now())
            && !self.has_warned
        {
            print::warn(&error);
            self.has_warned = true;
        }
        // The active ones first: what is not among them any more is in the history already.
        let active = self.store.read_active()?.tasks;
        let find = |tasks: &[Task], id: &TaskId| tasks.iter().find(|task| &task.id == id).cloned();
        if let Some(live) = ids.iter().map(|id| find(&active, id)).collect::<Option<Vec<_>>>() {
            for task in &live {
                self.watch(task);
            }
            return Ok(live.into_iter().map(Course::Live).collect());
        }
        let mut ended = self.store.read_completed()?.tasks();
        ended.extend(self.store.read_failed()?.tasks());
        let is_known = |id: &TaskId| [&active, &ended].iter().any(|it| find(it, id).is_some());
        if !ids.iter().all(is_known) {
            ended.extend(self.store.read_archive()?);
        }
        let course_of = |id| match (find(&active, id), find(&ended, id)) {
            (Some(task), _) => Course::Live(task),
            (None, Some(task)) => Course::Ended(task),
            (None, None) => Course::Forgotten,
        };
        Ok(ids.iter().map(course_of).collect())
    }

    /// Sleeps until a runner of those that were seen live has ended, and no longer than this.
    pub(crate) fn pause(&self, at_most: Duration) {
        let _ = self.bell.1.recv_timeout(at_most);
    }

    /// Starts a thread that waits for the lock of a task's runner. It ends with the process.
    fn watch(&mut self, task: &Task) {
        let has_runner = matches!(
            task.status,
            Status::Queued { .. } | Status::Running { watch: Watch::Supervised, .. }
        );
        if !has_runner || self.watched.len() >= WATCHERS || self.watched.contains(&task.id) {
            return;
        }
        let Ok(Some(root)) = RunRoot::of(task) else { return };
        let (lock, bell) = (root.folder(&task.id).lock(), self.bell.0.clone());
        let wait = move || {
            // An error is no reason to sleep on: whoever is woken looks for itself.
            let _ = wait_until_open(&lock);
            let _ = bell.send(());
        };
        // Without a thread it is seen at the next look.
        let _ = thread::Builder::new().stack_size(WATCHER_STACK).spawn(wait);
        self.watched.insert(task.id.clone());
    }
}

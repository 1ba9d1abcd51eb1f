//! Waiting for tasks to end: looks what has become of them, and sleeps between two looks.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

use anyhow::Result;
use sisyphus_base::environment::Environment;
use sisyphus_base::id::TaskId;
use sisyphus_base::paths::{StateDir, client_tmp_dir};
use sisyphus_process::start_notifier;
use sisyphus_state::run::Run;
use sisyphus_state::store::{LOCK_WAIT_IN_RUNNER, Store, wait_until_open};
use sisyphus_tasks::status::{Status, Watch};
use sisyphus_tasks::task::Task;

use crate::tasks::{WarningSink, world};

/// How long to sleep at most between two looks. The end of a supervised task is seen at once, because its lock opens;
/// that of others only by looking.
pub const TICK: Duration = Duration::from_millis(100);

/// Stack of a thread that does nothing but wait for one lock, in bytes.
const WATCHER_STACK: usize = 64 * 1024;
/// How many locks are waited for at once.
const WATCHERS: usize = 32;

/// What has become of a task.
#[derive(Debug)]
pub enum TaskState {
    Live(Task),
    Ended(Task),
    /// There is no record of it any more: the call was denied, and never ran.
    Forgotten,
}

/// Tells what has become of each of these tasks, by what is in the state files.
pub fn task_states(store: &Store, ids: &[TaskId], warn: WarningSink) -> Result<Vec<TaskState>> {
    // The live records first: a task that is not among them any more is in the history already.
    let active = store.read_active()?;
    let find = |tasks: &[Task], id: &TaskId| tasks.iter().find(|task| &task.id == id).cloned();
    let course = |task: Task| {
        if task.status().is_final() { TaskState::Ended(task) } else { TaskState::Live(task) }
    };
    if let Some(known) = ids.iter().map(|id| find(&active.tasks, id)).collect::<Option<Vec<_>>>() {
        return Ok(known.into_iter().map(course).collect());
    }
    let mut ended = store.read_recent(warn);
    let is_known = |id: &TaskId| [&active.tasks, &ended].iter().any(|it| find(it, id).is_some());
    if !ids.iter().all(is_known) {
        ended.extend(store.read_archive(warn));
    }
    let found = ids.iter().map(|id| find(&active.tasks, id).or_else(|| find(&ended, id)));
    Ok(found.map(|task| task.map_or(TaskState::Forgotten, course)).collect())
}

/// The tasks whose runners' locks threads of this process wait for. Each rings once, when its lock opens.
pub struct Watched {
    ids: HashSet<TaskId>,
    at_work: Arc<AtomicUsize>,
    ring: Arc<dyn Fn() + Send + Sync>,
}

impl Watched {
    pub fn new(ring: impl Fn() + Send + Sync + 'static) -> Self {
        Self { ids: HashSet::new(), at_work: Arc::default(), ring: Arc::new(ring) }
    }

    /// Starts a thread that waits for the lock of a task's runner, unless the task has none, or one was started before.
    /// It ends with the process.
    pub fn watch(&mut self, task: &Task, state: &StateDir) {
        let has_runner = matches!(
            task.status(),
            Status::Queued { .. } | Status::Running { watch: Watch::Supervised, .. }
        );
        let is_full = self.at_work.load(Ordering::Relaxed) >= WATCHERS;
        if !has_runner || is_full || self.ids.contains(&task.id) {
            return;
        }
        let Some(run) = Run::of(task, state) else { return };
        let lock = run.lock();
        let (ring, at_work) = (Arc::clone(&self.ring), Arc::clone(&self.at_work));
        at_work.fetch_add(1, Ordering::Relaxed);
        let wait = move || {
            // An error is no reason to sleep on: whoever is woken looks for itself.
            let _ = wait_until_open(&lock);
            at_work.fetch_sub(1, Ordering::Relaxed);
            ring();
        };
        if thread::Builder::new().stack_size(WATCHER_STACK).spawn(wait).is_err() {
            // Without a thread it is seen at the next look.
            self.at_work.fetch_sub(1, Ordering::Relaxed);
        }
        self.ids.insert(task.id.clone());
    }
}

/// Who looks out for ends.
pub struct TaskWaiter {
    store: Store,
    watched: Watched,
    bell: Receiver<()>,
    warn: WarningSink,
    /// A trouble that lasts is told once.
    has_warned: bool,
}

impl TaskWaiter {
    pub fn new(store: Store, warn: WarningSink) -> Self {
        // The other end lives in what is rung, so that it never hangs up.
        let (ringer, bell) = channel();
        let watched = Watched::new(move || {
            let _ = ringer.send(());
        });
        Self { store, watched, bell, warn, has_warned: false }
    }

    pub fn store(&self) -> &Store {
        &self.store
    }

    /// Looks what has become of each of these tasks, after folding what has ended meanwhile.
    pub fn look(&mut self, ids: &[TaskId]) -> Result<Vec<TaskState>> {
        let tmp = client_tmp_dir(&Environment::read());
        let world = world(&tmp);
        let news = self.store.peek(&world)?;
        if news.has_news()
            && let Err(error) =
                self.store.commit(Some(news), &[], &world, LOCK_WAIT_IN_RUNNER, |_, _| ())
            && !self.has_warned
        {
            (self.warn)(&error);
            self.has_warned = true;
        }
        start_notifier(self.store.dir());
        let task_states = task_states(&self.store, ids, self.warn)?;
        for course in &task_states {
            if let TaskState::Live(task) = course {
                self.watched.watch(task, self.store.dir());
            }
        }
        Ok(task_states)
    }

    /// Sleeps until a runner of those that were seen live has ended, and no longer than this.
    pub fn pause(&self, at_most: Duration) {
        let _ = self.bell.recv_timeout(at_most);
    }
}

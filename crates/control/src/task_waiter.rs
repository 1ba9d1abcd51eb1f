//! Waits until tasks finish: it checks their states, and sleeps between two checks.

use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use anyhow::Result;
use sisyphus_base::environment::Environment;
use sisyphus_base::id::TaskId;
use sisyphus_base::paths::{StateDir, client_tmp_dir};
use sisyphus_process::{Watchers, start_notifier};
use sisyphus_state::run::Run;
use sisyphus_state::store::Store;
use sisyphus_state::task_states::{TaskState, look};
use sisyphus_tasks::task::Task;

use crate::tasks::{WarningSink, world};

/// How long to sleep at most between two checks. A supervised task is noticed as soon as it finishes, because its lock
/// opens. Any other is noticed only by a check.
pub const TICK: Duration = Duration::from_millis(100);

/// How many locks are watched at once.
const WATCHERS: usize = 32;

/// Watches the lock of a task's runner, unless the task has none. An unwatched one is noticed by the next check.
pub fn watch_runner(watchers: &Watchers, task: &Task, state: &StateDir) {
    if task.has_runner() && watchers.at_work() < WATCHERS {
        let _ = watchers.watch(Run::of(task, state).map(|run| run.lock()));
    }
}

/// Waits for tasks.
pub struct TaskWaiter {
    store: Store,
    watchers: Watchers,
    bell: Receiver<()>,
    warn: WarningSink,
    /// A lasting problem is reported once.
    has_warned: bool,
}

impl TaskWaiter {
    pub fn new(store: Store, warn: WarningSink) -> Self {
        // The sender lives as long as the watchers, so the channel never closes.
        let (ringer, bell) = channel();
        let watchers = Watchers::new(move || {
            let _ = ringer.send(());
        });
        Self { store, watchers, bell, warn, has_warned: false }
    }

    pub fn store(&self) -> &Store {
        &self.store
    }

    /// Reconciles the state, and returns the state of each of these tasks.
    pub fn look(&mut self, ids: &[TaskId]) -> Result<Vec<TaskState>> {
        let tmp = client_tmp_dir(&Environment::read());
        let warn = |error: &anyhow::Error| {
            if !self.has_warned {
                (self.warn)(error);
                self.has_warned = true;
            }
        };
        let task_states = look(&self.store, ids, &world(&tmp), warn)?;
        start_notifier(self.store.dir());
        for course in &task_states {
            if let TaskState::Live(task) = course {
                watch_runner(&self.watchers, task, self.store.dir());
            }
        }
        Ok(task_states)
    }

    /// The states of these tasks, as [`look`](Self::look) has them. A task whose runner lives is live, whatever can be
    /// read of it at the moment.
    pub fn look_at(&mut self, tasks: &[Task]) -> Result<Vec<TaskState>> {
        let ids: Vec<TaskId> = tasks.iter().map(|task| task.id.clone()).collect();
        let looked = self.look(&ids);
        let lives = |task: &Task| {
            let run = Run::of(task, self.store.dir()).filter(Run::is_attached);
            run.is_some_and(|run| run.is_alive())
        };
        match looked {
            Err(error) if !tasks.iter().all(lives) => Err(error),
            Err(_) => Ok(tasks.iter().cloned().map(TaskState::Live).collect()),
            Ok(states) => {
                let pairs = states.into_iter().zip(tasks);
                let believed = pairs.map(|(state, task)| match state {
                    TaskState::Forgotten if lives(task) => TaskState::Live(task.clone()),
                    TaskState::Forgotten | TaskState::Live(_) | TaskState::Ended(_) => state,
                });
                Ok(believed.collect())
            }
        }
    }

    /// Sleeps until the runner of a watched task exits, but no longer than this.
    pub fn pause(&self, at_most: Duration) {
        let _ = self.bell.recv_timeout(at_most);
    }
}

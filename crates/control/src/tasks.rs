//! Reads all tasks from the state files.

use std::collections::HashSet;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use sisyphus_base::environment::Environment;
use sisyphus_base::id::TaskId;
use sisyphus_base::paths::{StateDir, client_tmp_dir};
use sisyphus_process::{is_alive, is_gone, start_notifier};
use sisyphus_state::agents::{Throttle, end_orphans, has_orphans};
use sisyphus_state::announced::{Announced, sessions_with_announcements};
use sisyphus_state::line::Snapshot;
use sisyphus_state::reconcile::{Scope, World};
use sisyphus_state::recovered::recovered;
use sisyphus_state::store::{Active, LOCK_WAIT_IN_RUNNER, Store};
use sisyphus_tasks::task::Task;

/// Receives problems that stop nothing.
pub type WarningSink = fn(&anyhow::Error);

/// How far back the history is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HistoryDepth {
    /// At most so many of the tasks that ended last.
    Newest(usize),
    /// All but the archive.
    Recent,
    Archive,
}

/// The known tasks, as far back as the history was read.
#[derive(Debug, Clone)]
pub struct Tasks {
    pub store: Store,
    /// Tasks that have not finished, in ticket order, including calls that were announced and did not run yet.
    pub active: Vec<Task>,
    /// Tasks that have finished, the newest first.
    pub ended: Vec<Task>,
    /// The limits that a rate limit lowers.
    pub throttles: Vec<Throttle>,
    /// Which runners have slots and which are queued, including those of other configuration folders.
    pub line: Snapshot,
}

impl Tasks {
    /// Reconciles the state and reads it. A problem with one file goes to `warn`, and the rest is read.
    pub fn read(reach: HistoryDepth, warn: WarningSink) -> Result<Self> {
        let environment = Environment::read();
        let store = Store::new(StateDir::locate(&environment)?);
        let tmp = client_tmp_dir(&environment);
        let active = up_to_date(&store, &world(&tmp), LOCK_WAIT_IN_RUNNER, warn)?;
        start_notifier(store.dir());

        let mut ended = match reach {
            // As many may be live tasks too.
            HistoryDepth::Newest(count) => {
                store.read_last_ended(count.saturating_add(active.tasks.len()), warn)
            }
            HistoryDepth::Recent | HistoryDepth::Archive => store.read_recent(warn),
        };
        if reach == HistoryDepth::Archive {
            ended.extend(store.read_archive(warn));
        }
        let throttles = active.agents.throttles.clone();
        let (finished, mut live): (Vec<Task>, Vec<Task>) =
            active.tasks.iter().cloned().partition(|task| task.status().is_final());
        live.extend(announced(store.dir()));
        live.sort_by_key(|task| task.ticket);
        // After a crash between two files of one commit, a task is in both until the next commit. Then the live record
        // counts.
        ended.splice(0..0, finished);
        ended.sort_by_key(|task| {
            let ended_at = task.status().ending().map(|ending| ending.ended_at);
            (std::cmp::Reverse(ended_at), std::cmp::Reverse(task.revision()))
        });
        let mut seen: HashSet<TaskId> = live.iter().map(|task| task.id.clone()).collect();
        ended.retain(|task| seen.insert(task.id.clone()));
        if let HistoryDepth::Newest(count) = reach {
            ended.truncate(count);
        }
        let line = Snapshot::read(&environment, is_alive).unwrap_or_else(|error| {
            warn(&error);
            Snapshot::default()
        });
        Ok(Self { store, active: live, ended, throttles, line })
    }

    /// All tasks: unfinished ones before finished ones, and newer ones before older ones.
    pub(crate) fn all(&self) -> impl Iterator<Item = &Task> {
        self.active.iter().rev().chain(&self.ended)
    }
}

/// What this process can find out about instances of Claude Code and their files. Those are in `client_tmp`.
pub fn world(client_tmp: &Path) -> World<'_> {
    World { is_gone, client_tmp, scope: Scope::All }
}

/// Reconciles the live state, ends the agents whose Claude Code is gone, and returns the result. If the state can't be
/// written, returns the last committed state and reports the error to `warn`. What a look without the lock has found is no
/// substitute: after another process has recorded an end and removed the run, that run looks lost.
pub fn up_to_date(
    store: &Store,
    world: &World<'_>,
    wait: Duration,
    warn: WarningSink,
) -> Result<Arc<Active>> {
    let peek = store.peek(world)?;
    let recovered = recovered(store);
    if has_orphans(&peek.active, is_gone) || peek.has_news() || !recovered.is_empty() {
        let bury = |active: &mut Active, now| end_orphans(active, is_gone, now);
        if let Err(error) = store.commit(Some(peek), &recovered, world, wait, bury) {
            warn(&error);
        }
    }
    store.read_active()
}

/// The announced calls: they wait for a permission, or for Claude Code's answer.
fn announced(state: &StateDir) -> Vec<Task> {
    let sessions = sessions_with_announcements(state);
    let calls = sessions
        .iter()
        .flat_map(|session| Announced::of(state, session).list().unwrap_or_default());
    calls.map(|call| call.to_task()).collect()
}

/// The state of this user.
pub fn open_store() -> Result<Store> {
    Ok(Store::new(StateDir::locate(&Environment::read())?))
}

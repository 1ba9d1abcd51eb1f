//! Reads all tasks from the state files, and finds tasks by name.

use std::collections::HashSet;
use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use sisyphus_base::environment::Environment;
use sisyphus_base::id::{SessionId, TaskId};
use sisyphus_base::paths::{StateDir, client_tmp_dir};
use sisyphus_process::{is_alive, is_gone, start_notifier};
use sisyphus_state::agents::{Throttle, end_orphans, has_orphans};
use sisyphus_state::announced::{Announced, sessions_with_announcements};
use sisyphus_state::line::Snapshot;
use sisyphus_state::reconcile::{Scope, World};
use sisyphus_state::recovered::recovered;
use sisyphus_state::store::{Active, LOCK_WAIT_IN_RUNNER, Store};
use sisyphus_tasks::task::Task;

/// Longest label of a description, in bytes.
const LABEL_MAX: usize = 40;
/// How many ids an error names if a name is ambiguous.
const NAMED: usize = 5;

/// Receives problems that stop nothing.
pub type WarningSink = fn(&anyhow::Error);

/// How far back the history is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HistoryDepth {
    Recent,
    Archive,
}

/// The name fits no task, or more than one.
#[derive(Debug)]
pub enum NoSuchTask {
    Nameless,
    Unknown(String),
    UnknownSession(String),
    Ambiguous(String),
}

impl fmt::Display for NoSuchTask {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nameless => write!(formatter, "no task has an empty name"),
            Self::Unknown(name) => write!(formatter, "no task `{name}`"),
            Self::UnknownSession(name) => write!(formatter, "no session `{name}` has a task"),
            Self::Ambiguous(said) => formatter.write_str(said),
        }
    }
}

impl std::error::Error for NoSuchTask {}

/// All known tasks.
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

        let mut ended = store.read_recent(warn);
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
        let line = Snapshot::read(&environment, is_alive).unwrap_or_else(|error| {
            warn(&error);
            Snapshot::default()
        });
        Ok(Self { store, active: live, ended, throttles, line })
    }

    /// The task with this name: its id, Claude Code's id, the beginning of its id, its description, or the label that
    /// its description begins with. If several tasks share Claude Code's id, the description or the label, this is the
    /// only one of them that has not finished, if there is such a one.
    pub fn find(&self, name: &str) -> Result<&Task> {
        // Every id begins with the empty name. A script with an unset variable must not get the only task by it.
        if name.is_empty() {
            return Err(NoSuchTask::Nameless.into());
        }
        if let Some(task) = self.all().find(|task| task.id.as_str() == name) {
            return Ok(task);
        }
        let is_clients = |task: &&Task| task.client_id().is_some_and(|id| id.as_str() == name);
        if let Some(task) = live_or_only(name, self.all().filter(is_clients).collect())? {
            return Ok(task);
        }
        let begins = self.all().filter(|task| task.id.as_str().starts_with(name));
        if let Some(task) = only(name, begins.collect())? {
            return Ok(task);
        }
        let described = self.all().filter(|task| task.description == name);
        if let Some(task) = live_or_only(name, described.collect())? {
            return Ok(task);
        }
        let labelled = self.all().filter(|task| label(&task.description) == Some(name));
        live_or_only(name, labelled.collect())?
            .ok_or_else(|| NoSuchTask::Unknown(name.to_owned()).into())
    }

    /// The tasks with these names, each once.
    pub fn find_all(&self, names: &[String]) -> Result<Vec<&Task>> {
        let mut found: Vec<&Task> = Vec::new();
        for name in names {
            let task = self.find(name)?;
            if !found.iter().any(|other| other.id == task.id) {
                found.push(task);
            }
        }
        Ok(found)
    }

    /// The session with this name: its id, or the beginning of it.
    pub fn find_session(&self, name: &str) -> Result<&SessionId> {
        let mut sessions: Vec<&SessionId> = self.all().map(|task| &task.session).collect();
        sessions.sort();
        sessions.dedup();
        if let Some(session) = sessions.iter().find(|session| session.as_str() == name) {
            return Ok(session);
        }
        sessions.retain(|session| !name.is_empty() && session.as_str().starts_with(name));
        match sessions.as_slice() {
            [session] => Ok(session),
            [] => Err(NoSuchTask::UnknownSession(name.to_owned()).into()),
            several => {
                let ids = several.iter().map(|session| session.as_str());
                Err(ambiguous(name, "sessions", ids).into())
            }
        }
    }

    /// All tasks: unfinished ones before finished ones, and newer ones before older ones.
    fn all(&self) -> impl Iterator<Item = &Task> {
        self.active.iter().rev().chain(&self.ended)
    }
}

/// What this process can find out about instances of Claude Code and their files. Those are in `client_tmp`.
pub fn world(client_tmp: &Path) -> World<'_> {
    World { is_gone, client_tmp, scope: Scope::All }
}

/// Reconciles the live state, ends the agents whose Claude Code is gone, and returns the result. If the state can't be
/// written, returns the last committed state and reports the error to `warn`.
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

/// The id that the caller chose: the word before the colon of a description like `search-1: find the parser`.
fn label(description: &str) -> Option<&str> {
    let (word, _) = description.split_once(": ")?;
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    ((1..=LABEL_MAX).contains(&word.len()) && word.bytes().all(is_plain)).then_some(word)
}

/// The only one of `tasks`, or the only one of them that has not finished; `None` if `tasks` is empty.
fn live_or_only<'a>(name: &str, tasks: Vec<&'a Task>) -> Result<Option<&'a Task>> {
    let mut live = tasks.iter().filter(|task| !task.status().is_final());
    match (live.next(), live.next()) {
        (Some(task), None) => Ok(Some(task)),
        (Some(_) | None, Some(_) | None) => only(name, tasks),
    }
}

fn only<'a>(name: &str, tasks: Vec<&'a Task>) -> Result<Option<&'a Task>> {
    match tasks.as_slice() {
        [] => Ok(None),
        [task] => Ok(Some(task)),
        several => {
            Err(ambiguous(name, "tasks", several.iter().map(|task| task.id.as_str())).into())
        }
    }
}

fn ambiguous<'a>(
    name: &str,
    what: &str,
    ids: impl ExactSizeIterator<Item = &'a str>,
) -> NoSuchTask {
    let count = ids.len();
    let named: Vec<&str> = ids.take(NAMED).collect();
    let more = if count > named.len() { ", …" } else { "" };
    NoSuchTask::Ambiguous(format!("`{name}` could be {count} {what}: {}{more}", named.join(", ")))
}

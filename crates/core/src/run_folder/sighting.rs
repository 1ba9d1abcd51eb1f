//! What a run folder shows of its task.

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use chrono::{DateTime, Utc};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::announcement::Announced;
use super::root::RunRoot;
use crate::atomic;
use crate::id::ClientTaskId;
use crate::status::{Status, Survivors};
use crate::store;
use crate::sys;
use crate::task::Task;

/// How long a claim may stand without a held lock: the time from `sisyphus-run claim` to the lock of the
/// `sisyphus-run run` that follows it is a few milliseconds; on a machine that swaps it can be seconds.
const STARTING: Duration = Duration::from_secs(5);

/// Largest file that is believed, in bytes.
const MAX_BYTES: u64 = 64 * 1024;

/// How the shell ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Exit {
    Code(i32),
    Signal(i32),
    /// The system did not tell.
    Unseen,
    /// The command was never started.
    NotStarted,
}

/// What made the runner stop the command, if anything did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stop {
    /// Nothing: it ended by itself.
    None,
    /// Its time limit, in milliseconds.
    TimeLimit(u64),
    /// A signal that the runner was sent.
    Signal(i32),
    /// Somebody asked for it in the task's record.
    Asked,
}

/// `queued.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Queued {
    pub at: DateTime<Utc>,
    #[serde(default)]
    pub client_id: Option<ClientTaskId>,
}

/// `started.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Started {
    pub at: DateTime<Utc>,
    #[serde(default)]
    pub client_id: Option<ClientTaskId>,
}

/// `result.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunResult {
    pub exit: Exit,
    pub stop: Stop,
    #[serde(default)]
    pub started_at: Option<DateTime<Utc>>,
    pub ended_at: DateTime<Utc>,
    /// From the start to the end, by a clock that does not jump; 0 for a command that was never started.
    pub duration_ms: u64,
    /// How long it waited for its turn before.
    #[serde(default)]
    pub waited_ms: u64,
    #[serde(default)]
    pub survivors: Survivors,
    #[serde(default)]
    pub client_id: Option<ClientTaskId>,
    /// The client's output file, as the runner found it on its standard output.
    #[serde(default)]
    pub client_file: Option<PathBuf>,
    #[serde(default)]
    pub output: Option<OutputSize>,
}

/// How much the command wrote, and how much of it was not kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutputSize {
    pub bytes: u64,
    pub dropped: u64,
}

/// What a run folder shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sighting {
    /// Nobody has claimed the call.
    Announced,
    /// A runner has it and has not said more yet.
    Claimed,
    /// A runner waits for its turn.
    Queued(Queued),
    /// The command runs.
    Started(Started),
    /// It is over.
    Ended(Box<RunResult>),
    /// A runner had it, and is gone without a result.
    RunnerGone,
    /// There is nothing to see.
    Nothing,
}

/// Whether the few things that most often tell something new show nothing: what [`look`] would find out for more.
pub fn is_as_recorded(task: &Task, root: &RunRoot) -> bool {
    let folder = root.folder(&task.id);
    let may_be = match &task.status {
        Status::Running { .. } => true,
        Status::Queued { .. } => task.client.is_some() && !folder.started().exists(),
        Status::Pending { .. } | Status::Finished(_) => false,
    };
    may_be && store::is_held(&folder.lock()).unwrap_or(false)
}

/// Looks at what is there of `task` below `root`, without changing anything.
pub fn look(task: &Task, root: &RunRoot) -> Sighting {
    let folder = root.folder(&task.id);
    if Announced::of(root, task.started_in()).holds(task.ticket, &task.id) {
        return Sighting::Announced;
    }
    if !folder.is_ours() || !folder.claimed().exists() {
        return Sighting::Nothing;
    }
    // Read before the lock is looked at: the runner takes its lock first, so only "it had come so far, and then the lock
    // was open" proves that it is gone.
    let started = parse::<Started>(&folder.started());
    let queued = parse::<Queued>(&folder.queued());
    // An error counts as held: only an open lock proves that nobody has it.
    if store::is_held(&folder.lock()).unwrap_or(true) {
        // Whatever says that it has ended is not the runner's: that opens its lock when it has written its result.
        return match (started, queued) {
            (Some(started), _) => Sighting::Started(started),
            (None, Some(queued)) => Sighting::Queued(queued),
            (None, None) => Sighting::Claimed,
        };
    }
    if let Some(result) = parse::<RunResult>(&folder.result()) {
        return Sighting::Ended(Box::new(result));
    }
    let is_known = started.is_some() || queued.is_some();
    if !is_known && is_younger_than(&folder.claimed(), STARTING) {
        Sighting::Claimed
    } else {
        Sighting::RunnerGone
    }
}

fn parse<T: DeserializeOwned>(path: &Path) -> Option<T> {
    serde_json::from_slice(&atomic::read(path, MAX_BYTES).ok()??).ok()
}

/// The claim is a rename, which leaves the time of the last write alone: the time of the entry's change counts.
fn is_younger_than(path: &Path, age: Duration) -> bool {
    let elapsed = sys::changed_at(path)
        .map(|changed| SystemTime::now().duration_since(changed).unwrap_or_default());
    elapsed.is_ok_and(|elapsed| elapsed < age)
}

//! `runs/SESSION/CLIENT_ID/`: what a runner leaves of the command in whose shell's place it stands.
//!
//! ```text
//! call.json      the call that this run belongs to, as soon as the client has named both
//! lock           held by the runner for its life
//! attached.json  the announcement whose text made the runner attach
//! queued.json, started.json, result.json  written once each by the runner
//! output.log     the kept output
//! stop.json      a person asked for it to be stopped
//! ```
//!
//! It lies in the state folder. A runner in the client's sandbox can't write there; its run lies below the client's
//! temporary folder, where every sandboxed command can write. Such a run counts for calls that may be sandboxed, only if
//! the state folder holds no run of that name, and is bounded and validated.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use chrono::{DateTime, Utc};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use sisyphus_base::clock::Tick;

use crate::atomic;
use crate::call::{Announcement, Confinement, Join};
use crate::id::{ClientTaskId, SessionId};
use crate::paths::StateDir;
use crate::run_root::RunRoot;
use crate::status::Survivors;
use crate::store;
use crate::sys;
use crate::task::Task;

/// Largest file of a run that is read, in bytes, the call aside.
const REPORT_MAX: u64 = 64 * 1024;
/// Largest call, in bytes: see the announcement.
const CALL_MAX: u64 = 1024 * 1024;

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
    /// A person asked for it.
    Asked,
}

/// `queued.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Queued {
    pub at: DateTime<Utc>,
}

/// `started.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Started {
    pub at: DateTime<Utc>,
}

/// `result.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunResult {
    pub exit: Exit,
    pub stop: Stop,
    #[serde(default)]
    pub started_at: Option<DateTime<Utc>>,
    pub ended_at: DateTime<Utc>,
    /// The same moment by a clock that no person sets: a result is due from its end on, however late it is found.
    #[serde(default)]
    pub ended: Option<Tick>,
    /// From the start to the end, by a clock that does not jump; 0 for a command that was never started.
    pub duration_ms: u64,
    /// How long it waited for a slot before.
    #[serde(default)]
    pub waited_ms: u64,
    #[serde(default)]
    pub survivors: Survivors,
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

/// What a run shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RunState {
    /// No runner has attached.
    Missing,
    /// A runner lives and has not said more yet.
    Attached,
    /// A runner waits for a slot.
    Queued(Queued),
    /// The command runs.
    Started(Started),
    /// The runner is gone, and left this.
    Ended(Box<RunResult>),
    /// The runner is gone without a result.
    Gone,
}

/// The folder of one run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Run {
    dir: PathBuf,
    confinement: Confinement,
}

impl Run {
    /// The run of the client's task `id` of `session`, in the state folder.
    pub fn outside(state: &StateDir, session: &SessionId, id: &ClientTaskId) -> Self {
        Self { dir: name(&state.runs_dir(), session, id), confinement: Confinement::Outside }
    }

    /// The run of a sandboxed command.
    pub fn sandboxed(root: &RunRoot, session: &SessionId, id: &ClientTaskId) -> Self {
        Self { dir: name(&root.runs_dir(), session, id), confinement: Confinement::Sandboxed }
    }

    /// The run of a task, which may not exist; `None` if the client has given the task no id.
    pub fn of(task: &Task, state: &StateDir) -> Option<Self> {
        let id = task.client_id()?;
        let outside = Self::outside(state, task.started_in(), id);
        if task.confinement == Confinement::Outside || outside.is_attached() {
            return Some(outside);
        }
        let sandboxed = RunRoot::of(task).ok().flatten();
        let sandboxed = sandboxed.map(|root| Self::sandboxed(&root, task.started_in(), id));
        Some(sandboxed.filter(Self::is_ours).unwrap_or(outside))
    }

    pub fn dir(&self) -> &Path {
        &self.dir
    }

    pub fn confinement(&self) -> Confinement {
        self.confinement
    }

    /// Whether it is a real folder of this user.
    pub fn is_ours(&self) -> bool {
        sys::is_private_dir(&self.dir).unwrap_or(false)
    }

    /// Whether a runner attached.
    pub fn is_attached(&self) -> bool {
        self.attached().exists()
    }

    /// Creates the folder if it is missing.
    pub fn create(&self) -> io::Result<()> {
        sys::create_private_dir_all(&self.dir)
    }

    /// Removes the folder and what is in it. Best effort.
    pub fn remove(&self) {
        let _ = fs::remove_dir_all(&self.dir);
        // The session's folder goes with its last run.
        if let Some(session) = self.dir.parent() {
            let _ = fs::remove_dir(session);
        }
    }

    pub fn call(&self) -> PathBuf {
        self.dir.join("call.json")
    }

    pub fn lock(&self) -> PathBuf {
        self.dir.join("lock")
    }

    pub fn attached(&self) -> PathBuf {
        self.dir.join("attached.json")
    }

    pub fn queued(&self) -> PathBuf {
        self.dir.join("queued.json")
    }

    pub fn started(&self) -> PathBuf {
        self.dir.join("started.json")
    }

    pub fn result(&self) -> PathBuf {
        self.dir.join("result.json")
    }

    pub fn output(&self) -> PathBuf {
        self.dir.join("output.log")
    }

    pub fn stop(&self) -> PathBuf {
        self.dir.join("stop.json")
    }

    /// Leaves for the runner which call its run belongs to.
    pub fn join(&self, join: &Join) -> anyhow::Result<()> {
        use anyhow::Context as _;
        self.create().with_context(|| format!("could not create `{}`", self.dir.display()))?;
        atomic::write(&self.call(), &serde_json::to_vec(join).context("could not encode a call")?)
    }

    /// The call that it belongs to; `None` as long as the client has not said so.
    pub fn joined(&self) -> Option<Join> {
        parse(&self.call(), CALL_MAX)
    }

    /// The announcement whose text made the runner attach: one of the same words.
    pub fn announcement(&self) -> Option<Announcement> {
        parse(&self.attached(), CALL_MAX)
    }

    /// Whether its runner lives. An error counts as alive: only an open lock proves that nothing holds it.
    pub fn is_alive(&self) -> bool {
        store::is_held(&self.lock()).unwrap_or(true)
    }

    /// Looks at what is there, without changing anything.
    pub fn probe(&self) -> RunState {
        if !self.is_attached() || !self.is_ours() {
            return RunState::Missing;
        }
        if self.is_alive() {
            // A result is believed once the lock is open: while it is held, another process may have planted one.
            return match (parse(&self.started(), REPORT_MAX), parse(&self.queued(), REPORT_MAX)) {
                (Some(started), _) => RunState::Started(started),
                (None, Some(queued)) => RunState::Queued(queued),
                (None, None) => RunState::Attached,
            };
        }
        match parse(&self.result(), REPORT_MAX) {
            Some(result) => RunState::Ended(Box::new(result)),
            None => RunState::Gone,
        }
    }
}

/// Every run of a session in the state folder, with the client's id of each.
pub fn runs_of(state: &StateDir, session: &SessionId) -> Vec<(ClientTaskId, Run)> {
    let Ok(entries) = fs::read_dir(state.runs_dir().join(session.as_str())) else {
        return Vec::new();
    };
    let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let ids = names.filter_map(|name| ClientTaskId::new(name).ok());
    ids.map(|id| (id.clone(), Run::outside(state, session, &id))).collect()
}

fn name(runs: &Path, session: &SessionId, id: &ClientTaskId) -> PathBuf {
    runs.join(session.as_str()).join(id.as_str())
}

fn parse<T: DeserializeOwned>(path: &Path, max: u64) -> Option<T> {
    serde_json::from_slice(&atomic::read(path, max).ok()??).ok()
}

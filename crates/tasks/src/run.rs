//! What a runner reports about its command.

use std::path::PathBuf;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use sisyphus_base::clock::Tick;
use sisyphus_base::id::TaskId;

use crate::call::Announcement;
use crate::code_zero::Options;
use crate::oom_kill::OomKill;
use crate::status::Survivors;
use crate::usage::Usage;

/// How the shell exited.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Exit {
    Code(i32),
    Signal(i32),
    /// The system did not report it.
    Unseen,
    /// The command was never started.
    NotStarted,
}

/// What made the runner stop the command, if anything did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stop {
    /// Nothing: it exited by itself.
    None,
    /// Its time limit, in milliseconds.
    TimeLimit(u64),
    /// A signal that the runner received.
    Signal(i32),
    /// The user asked for it.
    Asked,
}

/// `attached.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attached {
    /// Claude Code's output file, as the runner found it on its standard output.
    pub client_file: Option<PathBuf>,
    /// The call that made the runner attach: one with the same command text.
    #[serde(flatten)]
    pub announcement: Announcement,
}

/// `queued.json` and `started.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Since {
    pub at: DateTime<Utc>,
}

/// `result.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunResult {
    pub exit: Exit,
    pub stop: Stop,
    pub started_at: Option<DateTime<Utc>>,
    pub ended_at: DateTime<Utc>,
    /// The same moment by a clock that no user can set. The result is due from then on, however late a process finds
    /// it.
    pub ended: Option<Tick>,
    /// From start to exit, by a clock that does not jump; 0 for a command that was never started.
    pub duration_ms: u64,
    /// How long it waited for a slot before that.
    #[serde(default)]
    pub waited_ms: u64,
    #[serde(default)]
    pub survivors: Survivors,
    #[serde(default)]
    pub options: Options,
    /// Why it was never started, if a task that it needed did not complete.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub skipped: Option<Skipped>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub usage: Option<Usage>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub oom_kill: Option<OomKill>,
    /// Claude Code's output file, as the runner found it on its standard output.
    pub client_file: Option<PathBuf>,
    pub output: Option<OutputSize>,
}

/// The task that a skipped command needed, and how it ended: the predicate of a sentence.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Skipped {
    pub after: TaskId,
    pub because: String,
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
    Queued(Since),
    /// The command runs.
    Started(Since),
    /// The runner is gone, and left this result.
    Ended(Box<RunResult>),
    /// The runner is gone without a result.
    Gone,
}

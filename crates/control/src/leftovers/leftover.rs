//! What can be removed.

use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use anyhow::Result;
use serde::Serialize;
use sisyphus_base::id::TaskId;

use super::listing::{Entry, files};

/// A short-lived file is left over from this age on. It normally lives for milliseconds, so the process that wrote it
/// has died.
pub(super) const STALE: Duration = Duration::from_secs(60 * 60);

/// What a leftover is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A record of a task that has finished, or that can't be judged from here.
    Record,
    /// Finished tasks.
    History,
    Output,
    Archive,
    /// Lines about changes of status.
    Events,
    /// A state file that was set aside because it was broken, or the reason for that.
    Corrupt,
    Session,
    /// A file that a process was writing.
    Temporary,
    /// A message to another process that never read it.
    Handoff,
    /// A file of a waiter that was to wake a session.
    Waiter,
    /// The lock of a conversation that a delegated session had.
    Conversation,
    /// A runner of another version.
    Runner,
    RunFolder,
    /// An entry of a killed runner in the queue.
    Line,
}

/// A file or a run folder that can be removed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leftover {
    pub kind: Kind,
    /// The task, if it is a record.
    pub task: Option<TaskId>,
    pub path: PathBuf,
    pub bytes: u64,
    pub(super) modified: SystemTime,
}

/// How much is to be removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extent {
    /// What no task and no session needs; files that people may want to read, only from this age on.
    Leftovers(Duration),
    /// The history too, and everything that is kept of its tasks.
    Everything,
}

/// A file or a run folder that can be removed once it is old enough, unless something needs it.
pub(super) struct Candidate {
    pub(super) kind: Kind,
    pub(super) entry: Entry,
    /// The age from which on it can be removed.
    pub(super) keep: Duration,
}

impl Candidate {
    pub(super) fn into_leftover(self) -> Result<Leftover> {
        let Entry { path, bytes, modified, .. } = self.entry;
        let bytes = if self.kind == Kind::RunFolder {
            files(&path)?.iter().map(|file| file.bytes).sum()
        } else {
            bytes
        };
        Ok(Leftover { kind: self.kind, task: None, path, bytes, modified })
    }
}

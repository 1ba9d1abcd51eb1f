//! `events.jsonl`: one line for each change of a task's status, for programs that watch. The commit that changes the
//! status appends the line. No decision depends on the file.

mod changes;
mod log;
mod read;

use std::path::PathBuf;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use sisyphus_base::id::{SessionId, TaskId};
use sisyphus_base::text::for_people;
use sisyphus_tasks::outcome::{AgentFailure, CLIENT_STOPS, Canceller, LostReason, Outcome};
use sisyphus_tasks::status::{Ending, Status};
use sisyphus_tasks::task::{Kind, Task};

pub(crate) use changes::Before;
pub use log::MAX_BYTES;
pub(crate) use log::append;
pub use read::{Line, LineReader};

/// The version of a line. Fields may be added; none changes its meaning without a new version.
pub const VERSION: u32 = 1;

/// Longest description or command of a line, in characters.
const TEXT_MAX: usize = 200;

/// The word for a record that went without an end.
const DROPPED: &str = "dropped";

/// One change of a task's status: one line. All texts are plain and on one line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Transition {
    version: u32,
    /// When it happened.
    pub at: DateTime<Utc>,
    pub id: TaskId,
    pub kind: Kind,
    pub session: SessionId,
    pub cwd: PathBuf,
    pub description: String,
    /// The beginning of the command, or of the prompt of a delegated session.
    pub command: String,
    /// The status before; none for a new record.
    pub from: Option<String>,
    pub to: String,
    /// The change as a predicate: "runs", "failed with exit code 1 after 2.1 s".
    pub said: String,
    pub exit_code: Option<i32>,
    pub signal: Option<i32>,
    pub by: Option<Canceller>,
    pub lost_because: Option<LostReason>,
    pub failed_because: Option<AgentFailure>,
    /// The task that it needed.
    pub skipped_after: Option<TaskId>,
    pub waited_ms: Option<u64>,
    pub duration_ms: Option<u64>,
}

/// What a line says of the task itself, its texts as they are in the record: each commit copies them, and cleans them
/// only for a line.
#[derive(Debug, Clone)]
struct Subject {
    id: TaskId,
    kind: Kind,
    session: SessionId,
    cwd: PathBuf,
    description: String,
    command: String,
}

impl Subject {
    fn of(task: &Task) -> Self {
        let prompt = task.delegated.as_ref().map(|session| &session.prompt);
        Self {
            id: task.id.clone(),
            kind: task.kind,
            session: task.session.clone(),
            cwd: task.cwd.clone(),
            description: task.description.clone(),
            command: prompt.unwrap_or(&task.command).clone(),
        }
    }
}

impl Transition {
    fn new(
        subject: Subject,
        from: Option<&str>,
        to: &str,
        said: String,
        at: DateTime<Utc>,
    ) -> Self {
        let Subject { id, kind, session, cwd, description, command } = subject;
        let (from, to) = (from.map(str::to_owned), to.to_owned());
        Self {
            version: VERSION,
            at,
            id,
            kind,
            session,
            cwd,
            description: for_people(&description, TEXT_MAX),
            command: for_people(&command, TEXT_MAX),
            from,
            to,
            said,
            exit_code: None,
            signal: None,
            by: None,
            lost_because: None,
            failed_because: None,
            skipped_after: None,
            waited_ms: None,
            duration_ms: None,
        }
    }

    /// The end of a task, or its correction.
    fn end(subject: Subject, from: Option<&str>, ending: &Ending, at: DateTime<Utc>) -> Self {
        let kind = subject.kind;
        let outcome = &ending.outcome;
        let mut end = Self::new(subject, from, outcome.word(), ending.sentence(kind), at);
        end.exit_code = ending.exit_code(kind);
        end.waited_ms = ending.waited_ms;
        end.duration_ms = ending.duration_ms;
        match outcome {
            Outcome::Killed { signal } => end.signal = Some(*signal),
            Outcome::Cancelled { by } => end.by = Some(*by),
            Outcome::Lost { why } => end.lost_because = Some(*why),
            Outcome::AgentFailed { why } => end.failed_because = Some(*why),
            Outcome::Skipped { after, .. } => end.skipped_after = Some(after.clone()),
            Outcome::Completed
            | Outcome::Failed { .. }
            | Outcome::TimedOut { .. }
            | Outcome::Unknown => {}
        }
        end
    }
}

/// The words of the statuses that are no end.
const LIVE: [&str; 3] = ["pending", "queued", "running"];

impl Transition {
    /// Whether the task ended, or its end was corrected.
    pub fn is_end(&self) -> bool {
        self.to != DROPPED && !LIVE.contains(&self.to.as_str())
    }

    /// Whether the task had ended before.
    pub fn is_correction(&self) -> bool {
        self.from.as_ref().is_some_and(|from| !LIVE.contains(&from.as_str())) && self.is_end()
    }

    /// Whether the cause of this end may become known within seconds: Claude Code stops its commands before it reports
    /// the end of a session.
    pub(crate) fn may_be_explained(&self) -> bool {
        self.by == Some(Canceller::Unknown)
            || self.lost_because.is_some()
            || self.signal.is_some_and(|signal| CLIENT_STOPS.contains(&signal))
    }

    /// What people call the task: its description, or else the beginning of its command.
    pub fn name(&self) -> &str {
        if self.description.is_empty() { &self.command } else { &self.description }
    }
}

/// The predicate of a task that has not finished.
fn predicate(status: &Status) -> &'static str {
    match status {
        Status::Pending { .. } => "is announced",
        Status::Queued { .. } => "waits for a slot",
        Status::Running { .. } => "runs",
        Status::Finished(_) => "finished",
    }
}

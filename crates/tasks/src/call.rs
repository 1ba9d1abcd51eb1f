//! A background call, as Claude Code describes it, and its announcement to the shell that will run it.

use std::path::PathBuf;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use sisyphus_base::clock::Tick;
use sisyphus_base::id::{AgentId, ClientTaskId, SessionId, TaskId, Ticket, ToolUseId};
use sisyphus_base::machine::Machine;
use sisyphus_base::process_ref::ProcessRef;

use crate::code_zero::CodeZero;
pub use crate::confinement::Confinement;
use crate::memory_limit::MemoryLimit;
use crate::status::Status;
use crate::survival::Survival;
use crate::task::{Client, Event, Kind, Task};

/// How much of a command or a description a record holds, in bytes. Every event reads all records.
const WORDS_KEPT: usize = 2_000;

/// A background call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Call {
    pub session: SessionId,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tool_use_id: Option<ToolUseId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent: Option<AgentId>,
    #[serde(default)]
    pub kind: Kind,
    /// The user's group whose limit it shares.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    /// What the end of its session does to it.
    #[serde(default, skip_serializing_if = "crate::is_default")]
    pub survival: Survival,
    pub cwd: PathBuf,
    pub command: String,
    #[serde(default)]
    pub description: String,
    /// Whose exit code it is if it ends with 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code_zero: Option<CodeZero>,
    /// The time limit in milliseconds from the real start.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit_ms: Option<u64>,
    /// What its processes may have together, in megabytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory_limit_mb: Option<u64>,
    /// When Claude Code itself would stop the task, in milliseconds from the call.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_limit_ms: Option<u64>,
}

/// A call that PreToolUse saw before it ran. Claude Code may still deny it, or ask the user for permission.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Announcement {
    pub task: TaskId,
    pub ticket: Ticket,
    pub at: DateTime<Utc>,
    #[serde(default, skip_serializing_if = "crate::is_default")]
    pub confinement: Confinement,
    /// Claude Code's temporary folder.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_tmp: Option<PathBuf>,
    /// The hook's own mount and user namespace. A runner in other namespaces is in the sandbox.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespaces: Option<(u64, u64)>,
    #[serde(flatten)]
    pub call: Call,
}

impl Announcement {
    /// Announces a call now. This moment is its place in the queue.
    pub fn new(call: Call, at: DateTime<Utc>) -> Self {
        Self {
            task: TaskId::random(),
            ticket: Ticket(Tick::now().0),
            at,
            confinement: Confinement::Outside,
            client_tmp: None,
            namespaces: None,
            call,
        }
    }

    /// How long ago it was announced.
    pub fn age(&self, now: Tick) -> std::time::Duration {
        Tick(self.ticket.0).age(now)
    }

    /// The call as a task that Claude Code has not confirmed, for lists.
    pub fn to_task(&self) -> Task {
        let status = Status::Pending { announced_at: self.at };
        let call = &self.call;
        let mut task = Task::new(
            self.task.clone(),
            self.ticket,
            call.session.clone(),
            call.cwd.clone(),
            status,
        );
        task.tool_use_id.clone_from(&call.tool_use_id);
        task.agent.clone_from(&call.agent);
        task.confinement = self.confinement;
        task.client_tmp.clone_from(&self.client_tmp);
        task.kind = call.kind;
        task.group.clone_from(&call.group);
        task.survival = call.survival;
        task.command = beginning(&call.command);
        task.description = beginning(&call.description);
        task.code_zero.clone_from(&call.code_zero);
        task.limit_ms = call.limit_ms;
        task.memory_limit = MemoryLimit::of(call.memory_limit_mb);
        task.client_limit_ms = call.client_limit_ms;
        task
    }
}

/// The beginning of a text, with a mark if it was cut: what a record holds of it.
pub fn beginning(text: &str) -> String {
    if text.len() <= WORDS_KEPT {
        return text.to_owned();
    }
    let end = (0..=WORDS_KEPT).rev().find(|end| text.is_char_boundary(*end));
    format!("{}…", &text[..end.unwrap_or_default()])
}

/// Whether a record holds the whole text.
pub fn is_whole(text: &str) -> bool {
    text.len() <= WORDS_KEPT && !text.ends_with('…')
}

/// A call together with the run that Claude Code started for it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Join {
    pub client: Client,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub machine: Option<Machine>,
    /// When it started without a runner, if none can have attached.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_since: Option<DateTime<Utc>>,
    #[serde(flatten)]
    pub announcement: Announcement,
}

impl Join {
    /// Joins the call with Claude Code's task of this id. Keeps no more of the texts than the record will.
    pub fn new(
        mut announcement: Announcement,
        id: ClientTaskId,
        process: Option<ProcessRef>,
        machine: Option<Machine>,
    ) -> Self {
        let call = &mut announcement.call;
        call.command = beginning(&call.command);
        call.description = beginning(&call.description);
        Self { client: Client { id, process }, machine, observed_since: None, announcement }
    }

    /// The same for a shell that no runner replaced, because it had no snippet.
    #[must_use]
    pub fn without_runner(self, since: DateTime<Utc>) -> Self {
        Self { observed_since: Some(since), ..self }
    }

    /// The task's first record.
    pub fn into_task(self) -> Task {
        let mut task = self.announcement.to_task();
        task.client = Some(self.client);
        task.machine = self.machine;
        if let Some(at) = self.observed_since {
            task.apply(Event::Observed { at }, Tick(task.ticket.0));
        }
        task
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `is_whole` tells a text from the beginning of one, wherever the beginning was cut.
    #[test]
    fn a_beginning_is_no_whole_text() {
        for letter in ["x", "ä", "✓", "🎉"] {
            for count in 0..2_010 {
                // A character of several bytes may begin anywhere before the limit.
                let text = format!("{}{}", "x".repeat(count % 4), letter.repeat(count));
                let is_short = text.len() <= WORDS_KEPT;
                assert_eq!(is_whole(&beginning(&text)), is_short, "{count} of {letter}");
            }
        }
    }
}

//! What is known about a delegated session: a headless Claude Code that we start, with a conversation of its own.

mod figures;
mod mode;
mod report;

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use sisyphus_base::id::{SessionId, TaskId};
use sisyphus_base::process_ref::ProcessRef;
use sisyphus_base::text::one_line;

pub use figures::dollars;
pub use mode::{Bypass, PermissionMode};
pub use report::{Changes, SessionEnd, SessionReport, Worktree};

use crate::agent_call::name;
use crate::status::Ending;

/// How much of a prompt the record keeps, in characters.
const PROMPT_MAX: usize = 300;

/// The call that asked for a session, and what the session's Claude Code reports. All of it is foreign text, bounded
/// and on one line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delegated {
    /// The session's own conversation. `claude --resume` continues it.
    pub conversation: SessionId,
    pub asked_by: AskedBy,
    /// The folder of the caller's project. The session runs here or in a worktree of it, and nowhere else.
    pub project: PathBuf,
    /// The beginning of its prompt.
    pub prompt: String,
    /// How long the whole prompt is, in characters.
    pub prompt_length: usize,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent: Option<String>,
    /// The model that the call names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// The name of its worktree, if it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub worktree: Option<String>,
    /// What the call lets it cost, in millionths of a dollar. The user's own limit comes on top of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub budget_micro_usd: Option<u64>,
    /// How many delegated sessions it is below: 1 if no delegated session asked for it.
    pub depth: u32,
    /// The task whose conversation it continues.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub continues: Option<TaskId>,
    /// The calling Claude Code. If it is gone, another session of the project may have to read the result.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub caller: Option<ProcessRef>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub report: Option<SessionReport>,
}

/// What asked for a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "asked_by", rename_all = "snake_case")]
pub enum AskedBy {
    /// The model, with `delegate_task`. It reads the result.
    Model {
        /// The permission mode that the caller had, at most.
        mode: PermissionMode,
    },
    /// A person, with `sisyphus delegate`. No model waits for the result.
    Person,
}

impl Delegated {
    /// Records the beginning of a prompt, and its length.
    pub fn set_prompt(&mut self, prompt: &str) {
        self.prompt = one_line(prompt, PROMPT_MAX);
        self.prompt_length = prompt.chars().count();
    }

    /// Records the names of an agent and a model.
    pub fn set_names(&mut self, agent: Option<&str>, model: Option<&str>) {
        self.agent = agent.map(name);
        self.model = model.map(name);
    }

    /// Whether its Claude Code has begun the conversation, so that it can be continued.
    pub fn has_conversation(&self, ending: &Ending) -> bool {
        // Claude Code names its model as it begins the conversation. Of a lost session the report may be lost too.
        let report = self.report.as_ref();
        let has_begun =
            report.map_or_else(|| ending.started_at.is_some(), |report| report.model.is_some());
        has_begun || self.continues.is_some()
    }

    /// The model that it has, or was asked to have.
    pub fn model(&self) -> Option<&str> {
        let seen = self.report.as_ref().and_then(|report| report.model.as_deref());
        seen.or(self.model.as_deref())
    }
}

//! What a session's Claude Code reports about itself, in the lines that it prints.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// The progress of a session, and how its Claude Code says it ended. Foreign text, bounded.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct SessionReport {
    /// The model that it runs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    pub tool_calls: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_tool: Option<String>,
    /// The beginning of its last message.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_message: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub turns: Option<u64>,
    /// What this task cost, in millionths of a dollar. A conversation's total includes the tasks that it continues.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cost_micro_usd: Option<u64>,
    /// What the whole conversation has cost, in millionths of a dollar.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub total_micro_usd: Option<u64>,
    pub input_tokens: u64,
    pub output_tokens: u64,
    /// The tools whose calls were denied, each as often as it was.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub denied: Vec<String>,
    /// How it says that it ended; `None` if it said nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub end: Option<SessionEnd>,
    /// Why it failed, in its own words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub worktree: Option<Worktree>,
}

/// The last result that a session's Claude Code printed (CC-73).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SessionEnd {
    Answered,
    TurnLimit,
    Budget,
    /// The provider refused more requests.
    RateLimit,
    Error,
}

/// Where a session worked instead of in the project's folder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Worktree {
    pub path: PathBuf,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub branch: Option<String>,
    /// What differs from the commit that it began with; `None` if git did not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub changes: Option<Changes>,
    /// The commit that it was at when the runner removed it, because nothing in it differed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub removed_at: Option<String>,
}

/// How much a session changed in its worktree.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Changes {
    /// Files that differ from the last commit.
    pub files: usize,
    /// Commits that the project's folder does not have.
    pub commits: usize,
}

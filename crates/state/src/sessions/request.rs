//! What the runner of a session is asked to start.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use sisyphus_tasks::task::Task;

/// What a session is to do, with its whole prompt.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SessionRequest {
    /// The record that the runner makes of it.
    pub task: Task,
    pub prompt: String,
    pub conversation: Conversation,
    /// The calling Claude Code: the program that it executes, and its arguments up to the script if that program is an
    /// interpreter.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub client: Vec<PathBuf>,
    /// Arguments of the calling Claude Code that narrow what it may do.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub narrowing: Vec<String>,
    /// The commit from which the runner makes the worktree again: an earlier task of the conversation left it unchanged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub restore_from: Option<String>,
    /// What the session may cost, in dollars.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_budget_usd: Option<f64>,
}

/// Whether a session begins a conversation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Conversation {
    New,
    /// It continues one that has cost so much, in millionths of a dollar. Claude Code reports a conversation's total.
    Continued {
        cost_micro_usd: u64,
    },
}

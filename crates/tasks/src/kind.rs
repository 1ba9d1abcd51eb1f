//! The kinds of tasks.

use serde::{Deserialize, Serialize};

/// What a task needs from the queue.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A command that finishes by itself: it takes a slot, and has a time limit.
    #[default]
    Command,
    /// A command that runs until it is stopped: it takes no slot, and has no time limit of ours.
    Service,
    /// A subagent of Claude Code. It has no process, no runner and no run folder. Claude Code itself reports its
    /// result.
    Agent,
    /// A delegated session: a headless Claude Code that our runner starts. It takes a slot of its own kind, and has a
    /// time limit.
    Session,
}

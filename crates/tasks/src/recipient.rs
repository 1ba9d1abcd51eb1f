//! The conversation that a result is for, and whether it can still read it.

use serde::{Deserialize, Serialize};
use sisyphus_base::id::AgentId;

/// The conversation that reads a result. While a subagent lives, the main conversation does not read the results of its
/// tasks.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Recipient {
    #[default]
    MainConversation,
    Agent(AgentId),
    /// A subagent whose id is no plain name. No result is for it, and nothing that it does is the main conversation's.
    UnknownAgent,
}

/// Whether the subagent that started a task can still be notified of its result.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AgentLife {
    /// It lives as far as we know, or there is none.
    #[default]
    Lives,
    /// It stopped: the main conversation is notified.
    Stopped,
}

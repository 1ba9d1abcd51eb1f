//! The conversation that a result is for.

use serde::{Deserialize, Serialize};
use sisyphus_base::id::AgentId;

use crate::task::{AgentLife, Task};

/// The conversation that reads a result. While a subagent lives, the main conversation does not read the results of its
/// tasks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Recipient {
    MainConversation,
    Agent(AgentId),
}

impl Recipient {
    /// Whether this recipient reads the result of this task.
    pub fn is_of(&self, task: &Task) -> bool {
        match (self, &task.agent) {
            (Self::MainConversation, None) => true,
            (Self::MainConversation, Some(_)) => task.agent_life == AgentLife::Stopped,
            // A subagent that fires an event again is alive again.
            (Self::Agent(agent), Some(of)) => agent == of,
            (Self::Agent(_), None) => false,
        }
    }
}

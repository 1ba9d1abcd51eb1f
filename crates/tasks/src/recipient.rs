//! The conversation that a result is for.

use serde::{Deserialize, Serialize};
use sisyphus_base::id::AgentId;

use crate::task::{AgentLife, Task};

/// Whose results are meant. What a subagent started is no business of the main conversation while the subagent lives.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Recipient {
    MainConversation,
    Agent(AgentId),
}

impl Recipient {
    /// Whether the end of this task is told to them.
    pub fn is_of(&self, task: &Task) -> bool {
        match (self, &task.agent) {
            (Self::MainConversation, None) => true,
            (Self::MainConversation, Some(_)) => task.agent_life == AgentLife::Stopped,
            // One that is met again lives again.
            (Self::Agent(agent), Some(of)) => agent == of,
            (Self::Agent(_), None) => false,
        }
    }
}

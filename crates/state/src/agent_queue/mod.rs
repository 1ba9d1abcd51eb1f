//! What is known about agents besides the running ones: the queued calls, lowered limits, and how limits apply to
//! models.

mod limit;
mod model;
mod rate_limit;
mod reservation;

use serde::{Deserialize, Serialize};
use sisyphus_base::id::{SessionId, Ticket, ToolUseId};
use sisyphus_base::machine::Machine;
use sisyphus_tasks::agent_call::AgentCall;

pub use limit::{Limits, Pool};
pub use model::Model;
pub(crate) use rate_limit::{RateLimitHit, Scope, throttle};
pub use rate_limit::{Throttle, is_rate_limit};
pub use reservation::{KEPT_FOR, Notified, Turn};

/// How many models are remembered.
const LEARNED_MAX: usize = 100;

/// A part of `active.json`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AgentQueue {
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub waiting: Vec<Waiting>,
    #[serde(default, skip_serializing_if = "Vec::is_empty", rename = "brakes")]
    pub throttles: Vec<Throttle>,
    /// Which model Claude Code chose for which call, the newest last.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    learned: Vec<Learned>,
    /// Whether the runners can read how many slots agents hold.
    #[serde(default, skip_serializing_if = "sisyphus_tasks::is_default")]
    pub published: Published,
}

/// What the runners know.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Published {
    #[default]
    Nothing,
    Slots,
}

/// A queued call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Waiting {
    pub ticket: Ticket,
    pub session: SessionId,
    /// Its newest denied attempt.
    pub tool_use_id: ToolUseId,
    #[serde(default)]
    pub description: String,
    pub call: AgentCall,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub machine: Option<Machine>,
    #[serde(flatten)]
    pub turn: Turn,
}

/// The model that a call of this kind got.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Learned {
    session: SessionId,
    agent_type: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    asked: Option<String>,
    model: String,
}

impl AgentQueue {
    pub fn is_empty(&self) -> bool {
        self == &Self::default()
    }

    /// Notes which model Claude Code chose for a call.
    pub(crate) fn learn(&mut self, session: &SessionId, call: &AgentCall) {
        let Some(model) = call.resolved_model.clone() else { return };
        let learned = Learned {
            session: session.clone(),
            agent_type: call.agent_type.clone(),
            asked: call.asked_model.clone(),
            model,
        };
        self.learned.retain(|it| !it.is_for(&learned.session, call));
        self.learned.push(learned);
        let overflow = self.learned.len().saturating_sub(LEARNED_MAX);
        self.learned.drain(..overflow);
    }

    /// Forgets the models of a session that is over.
    pub(crate) fn forget_learned(&mut self, session: &SessionId) {
        self.learned.retain(|learned| &learned.session != session);
    }

    /// The model that Claude Code chose for the last call of this kind.
    pub fn learned(&self, session: &SessionId, call: &AgentCall) -> Option<&str> {
        self.learned.iter().find(|it| it.is_for(session, call)).map(|it| it.model.as_str())
    }
}

impl Learned {
    fn is_for(&self, session: &SessionId, call: &AgentCall) -> bool {
        &self.session == session
            && self.agent_type == call.agent_type
            && self.asked == call.asked_model
    }
}

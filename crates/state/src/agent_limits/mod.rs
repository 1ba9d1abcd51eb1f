//! What is known about agents besides their records: lowered limits, and how limits apply to models.

mod limit;
mod model;
mod rate_limit;

use serde::{Deserialize, Serialize};
use sisyphus_base::id::SessionId;
use sisyphus_base::machine::Machine;
use sisyphus_base::process_ref::ProcessRef;
use sisyphus_tasks::agent_call::AgentCall;

pub use limit::{Limits, Pool};
pub use model::Model;
pub(crate) use rate_limit::{RateLimitHit, Scope, throttle};
pub use rate_limit::{Throttle, is_rate_limit};

/// A part of `active.json`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AgentBook {
    #[serde(default, skip_serializing_if = "Vec::is_empty", rename = "brakes")]
    pub throttles: Vec<Throttle>,
    /// The calls that an earlier version denied until a slot was free.
    #[serde(default, skip_serializing_if = "Vec::is_empty", rename = "waiting")]
    pub former: Vec<FormerCall>,
    /// A Claude Code that runs an agent in the foreground if its call does not say where: an old one, or one whose user
    /// wants no background tasks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub foreground: Option<ProcessRef>,
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

/// A call that an earlier version denied. Its session waits for a free slot in vain until it learns better.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FormerCall {
    pub session: SessionId,
    #[serde(default)]
    pub description: String,
    pub call: AgentCall,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub machine: Option<Machine>,
}

impl AgentBook {
    pub fn is_empty(&self) -> bool {
        self == &Self::default()
    }
}

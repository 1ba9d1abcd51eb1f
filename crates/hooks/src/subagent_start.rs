//! SubagentStart: an agent that had finished runs again. For an agent that is launched, its call says more.

use anyhow::Result;
use sisyphus_hook::{Context, Reply, SubagentStart};

use crate::agent::resumed;

/// Handles the event.
pub fn handle(context: &Context, event: SubagentStart) -> Result<Reply> {
    resumed(context, &event.session_id, &event.agent_id)?;
    Ok(Reply::Silent)
}

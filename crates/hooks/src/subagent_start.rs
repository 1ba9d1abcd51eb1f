//! SubagentStart: an agent that had ended runs again. Of one that is launched the call itself says more.

use anyhow::Result;
use sisyphus_hook::{Context, Reply, SubagentStart};

use crate::agent::resumed;

/// Handles the event.
pub fn handle(context: &Context, event: SubagentStart) -> Result<Reply> {
    resumed(context, &event.session_id, &event.agent_id)?;
    Ok(Reply::Silent)
}

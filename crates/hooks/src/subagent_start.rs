//! SubagentStart: nothing yet. Agents are not tasks of ours in this version.

use anyhow::Result;
use sisyphus_hook::{Context, Reply, SubagentStart};

/// Handles the event.
pub fn handle(_: &Context, _: SubagentStart) -> Result<Reply> {
    Ok(Reply::Silent)
}

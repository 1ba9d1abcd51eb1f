//! SubagentStop of an agent.

use anyhow::Result;
use sisyphus_base::id::{AgentId, ClientTaskId};
use sisyphus_hook::Context;
use sisyphus_state::agents::{AgentEnd, Limits, has_own_work, is_rate_limit};
use sisyphus_state::event::Event;
use sisyphus_state::store::Active;
use sisyphus_tasks::outcome::AgentFailure;
use sisyphus_tasks::task::{Kind, Task};

/// Records that an agent stopped, with these last words. While work of its own is live, it only waits for that.
pub(crate) fn stopped(
    context: &Context,
    active: &Active,
    agent: &AgentId,
    words: Option<&str>,
) -> Result<Vec<Event>> {
    let id = ClientTaskId::new(agent.as_str())?;
    let is_it = |task: &Task| task.kind == Kind::Agent && task.client_id() == Some(&id);
    if !active.live().any(is_it) || has_own_work(active, &id) {
        return Ok(Vec::new());
    }
    let end = if words.is_some_and(is_rate_limit) {
        AgentEnd::Failed(AgentFailure::RateLimit)
    } else {
        AgentEnd::Finished
    };
    let limits = Limits::of(context.settings());
    Ok(vec![Event::AgentEnded { id, end, limits, at: context.now.at }])
}

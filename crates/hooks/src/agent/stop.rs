//! SubagentStop, and what Stop says of agents.

use anyhow::Result;
use sisyphus_core::agents::{AgentCall, AgentEnd, ended, has_own_work, is_rate_limit};
use sisyphus_core::id::{AgentId, ClientTaskId, SessionId};
use sisyphus_core::outcome::AgentFailure;
use sisyphus_core::store::Active;
use sisyphus_core::task::{Kind, Task};
use sisyphus_hook::Context;
use sisyphus_process::client;

use super::update;

/// An agent stopped, with these last words. While work of its own is live it only waits for that.
pub(crate) fn stopped(context: &Context, agent: &AgentId, words: Option<&str>) -> Result<()> {
    let id = ClientTaskId::new(agent.as_str())?;
    let active = context.store.read_active()?;
    let is_it = |task: &Task| task.kind == Kind::Agent && task.client_id() == Some(&id);
    if !active.tasks.iter().any(is_it) {
        return Ok(());
    }
    let end = if words.is_some_and(is_rate_limit) {
        AgentEnd::Failed(AgentFailure::RateLimit)
    } else {
        AgentEnd::Finished
    };
    update(context, context.now, |transaction, limits| {
        if has_own_work(&transaction.active, &id) {
            return Ok(());
        }
        ended(transaction, &id, end, limits, context.now)
    })
}

/// Whether Stop's list of background tasks is about this task: the client lists what it runs for the conversation, and
/// an agent lives in one client, whatever its conversation is called by now. One that waits for work of its own is not
/// listed, and is not over.
pub(crate) fn belongs_here(task: &Task, session: &SessionId, active: &Active) -> bool {
    match task.kind {
        // A subagent's are left out: whether the list holds them was never seen.
        Kind::Command | Kind::Service => &task.session == session && task.agent.is_none(),
        Kind::Agent => {
            let process = task.launched.as_ref().and_then(|call: &AgentCall| call.process.as_ref());
            let waits = task.client_id().is_some_and(|id| has_own_work(active, id));
            !waits
                && (&task.session == session || (process.is_some() && process == client().as_ref()))
        }
    }
}

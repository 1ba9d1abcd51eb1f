//! SubagentStart of an agent that had ended: it was sent a message, or its own background work came to an end.

use anyhow::Result;
use sisyphus_core::agents::revive;
use sisyphus_core::id::{AgentId, ClientTaskId, SessionId};
use sisyphus_core::settings::Execution;
use sisyphus_core::task::{Kind, Task};
use sisyphus_hook::Context;
use sisyphus_process::client;

use super::update;

/// Counts an agent that runs again. One that is launched now is not known yet: its call says more.
pub(crate) fn resumed(context: &Context, session: &SessionId, agent: &AgentId) -> Result<()> {
    let id = ClientTaskId::new(agent.as_str())?;
    // Known, and not delivered: an end of an agent is noted where ends of commands are.
    if !context.store.read_outbox(session)?.has_told(&id, |_| true)
        || context.settings().execution == Execution::Off
    {
        return Ok(());
    }
    let is_it = |task: &Task| task.kind == Kind::Agent && task.client_id() == Some(&id);
    if context.store.read_active()?.tasks.iter().any(is_it) {
        return Ok(());
    }
    let mut known = context.store.read_completed()?.tasks();
    known.extend(context.store.read_failed()?.tasks());
    let Some(mut before) = known.into_iter().filter(is_it).max_by_key(|task| task.ticket) else {
        return Ok(());
    };
    before.session = session.clone();
    if let Some(call) = &mut before.launched {
        call.process = client();
    }
    update(context, context.now, |transaction, _| revive(transaction, before, context.now))
}

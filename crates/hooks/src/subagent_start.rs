//! SubagentStart: an agent that had finished runs again. It got a message, or its own background work finished.

use anyhow::Result;
use sisyphus_base::id::ClientTaskId;
use sisyphus_hook::{Context, Reply, SubagentStart};
use sisyphus_process::client;
use sisyphus_settings::Switch;
use sisyphus_state::event::Event;
use sisyphus_tasks::task::Kind;

use crate::agent::{is_live, settle};

/// Handles the event. An agent that is launched now is not known yet: its call says more.
pub fn handle(context: &Context, event: SubagentStart) -> Result<Reply> {
    let (session, id) = (event.session_id, ClientTaskId::new(event.agent_id.as_str())?);
    let peek = context.peek()?;
    if is_live(&peek.active, &id) || context.settings().execution == Switch::Off {
        return Ok(Reply::Silent);
    }
    let retired = context.store.find_retired(&session, &id);
    let Some(mut before) = retired.filter(|task| task.kind == Kind::Agent) else {
        return Ok(Reply::Silent);
    };
    before.session = session;
    if let Some(call) = &mut before.launched {
        call.process = client();
    }
    let revived = Event::AgentRevived { before: Box::new(before), at: context.now.at };
    context.commit(peek, &[revived], |_, _| ())?;
    settle(context, context.now);
    Ok(Reply::Silent)
}

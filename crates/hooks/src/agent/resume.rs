//! SubagentStart of an agent that had finished: it got a message, or its own background work finished.

use anyhow::Result;
use sisyphus_base::id::{AgentId, ClientTaskId, SessionId};
use sisyphus_hook::Context;
use sisyphus_process::client;
use sisyphus_settings::Switch;
use sisyphus_state::event::Event;
use sisyphus_tasks::task::{Kind, Task};

use super::settle;

/// Counts an agent that runs again. An agent that is launched now is not known yet: its call says more.
pub(crate) fn resumed(context: &Context, session: &SessionId, agent: &AgentId) -> Result<()> {
    let id = ClientTaskId::new(agent.as_str())?;
    let peek = context.peek()?;
    let is_it = |task: &Task| task.kind == Kind::Agent && task.client_id() == Some(&id);
    if peek.active.live().any(is_it) || context.settings().execution == Switch::Off {
        return Ok(());
    }
    let Some(mut before) = context.store.find_retired(session, &id).filter(is_it) else {
        return Ok(());
    };
    before.session = session.clone();
    if let Some(call) = &mut before.launched {
        call.process = client();
    }
    let revived = Event::AgentRevived { before: Box::new(before), at: context.now.at };
    context.commit(peek, &[revived], |_, _| ())?;
    settle(context, context.now);
    Ok(())
}

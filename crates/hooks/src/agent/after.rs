//! PostToolUse of a call for an agent: what came of it.

use anyhow::Result;
use sisyphus_core::agents::{AgentCall, Launch, came_to_nothing, launched};
use sisyphus_core::settings::Execution;
use sisyphus_hook::{AgentLaunch, Context, PostToolUse};
use sisyphus_process::client;

use super::before::described;
use super::update;

/// Ties the record of the call to the agent that the client started for it.
pub(crate) fn after_agent(context: &Context, event: PostToolUse) -> Result<()> {
    let (session, tool_use) = (event.session_id, event.tool_use_id);
    let Some(agent) = event.tool_response.agent else {
        let is_it = |id: Option<&_>| id == Some(&tool_use);
        let known = context.store.read_active()?;
        if known.tasks.iter().any(|task| is_it(task.tool_use_id.as_ref())) {
            update(context, context.now, |transaction, _| {
                came_to_nothing(&mut transaction.active, &session, &tool_use);
                Ok(())
            })?;
        }
        return Ok(());
    };
    if context.settings().execution == Execution::Off {
        return Ok(());
    }
    let Some(asked) = AgentLaunch::of(&event.tool_input) else { return Ok(()) };
    let mut call = AgentCall::new(&asked.agent_type, asked.model.as_deref(), &asked.prompt);
    call.process = client();
    if let Some(model) = &agent.model {
        call.resolve(model);
    }
    let launch = Launch {
        session,
        tool_use_id: tool_use,
        agent: event.agent_id,
        cwd: event.cwd,
        description: described(asked.description, &call),
        call,
    };
    update(context, context.now, |transaction, _| {
        launched(transaction, launch, &agent.id, context.now)
    })
}

//! PostToolUse of a call for an agent: records the launched agent.

use sisyphus_base::machine::Machine;
use sisyphus_hook::{AgentLaunch, Context, PostToolUse};
use sisyphus_process::client;
use sisyphus_settings::Switch;
use sisyphus_state::agents::Launch;
use sisyphus_state::event::Event;
use sisyphus_state::store::Active;
use sisyphus_tasks::agent_call::AgentCall;

use super::before::described;

/// Joins the record of the call to the agent that Claude Code started for it.
pub(crate) fn after_agent(context: &Context, active: &Active, event: PostToolUse) -> Option<Event> {
    let (session, tool_use) = (event.session_id, event.tool_use_id);
    let Some(agent) = event.tool_response.agent else {
        let is_it = |id: Option<&_>| id == Some(&tool_use);
        let is_known = active.tasks.iter().any(|task| is_it(task.tool_use_id.as_ref()));
        let nothing = Event::AgentNotLaunched { session, call: tool_use };
        return is_known.then_some(nothing);
    };
    // The answer comes a second time, after the agent finished.
    if context.settings().execution == Switch::Off
        || context.store.find_retired(&session, &agent.id).is_some()
    {
        return None;
    }
    let asked = AgentLaunch::of(&event.tool_input)?;
    let mut call = AgentCall::new(&asked.agent_type, asked.model.as_deref(), &asked.prompt);
    call.process = client();
    if let Some(model) = &agent.model {
        call.resolve(model);
    }
    let launch = Box::new(Launch {
        session,
        tool_use_id: tool_use,
        agent: event.agent_id,
        cwd: event.cwd,
        description: described(asked.description, &call),
        call,
        machine: Machine::here(),
    });
    Some(Event::AgentLaunched { launch, id: agent.id, at: context.now.at })
}

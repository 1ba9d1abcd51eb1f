//! PostToolUse of a call for an agent: records the launched agent, and says if it has to wait.

use std::path::PathBuf;

use sisyphus_base::id::{AgentId, ClientTaskId, SessionId, ToolUseId};
use sisyphus_base::machine::Machine;
use sisyphus_hook::{AgentLaunch, Context, PostToolUse};
use sisyphus_process::client;
use sisyphus_settings::Switch;
use sisyphus_state::agents::{Launch, Limits};
use sisyphus_state::event::Event;
use sisyphus_state::store::Active;
use sisyphus_tasks::agent_call::AgentCall;
use sisyphus_wording::{agent_queued_on_screen, agent_waits};

use super::{LOCK_WAIT_FOR_AGENT, Update, settle_with};

/// Joins the record of the call to the agent that Claude Code started for it.
pub(crate) fn after_agent(
    context: &Context,
    active: &Active,
    event: PostToolUse,
    by: Option<AgentId>,
) -> Option<Event> {
    let (session, tool_use) = (event.session_id, event.tool_use_id);
    let Some(agent) = event.tool_response.agent else {
        let is_it = |id: Option<&_>| id == Some(&tool_use);
        let is_known = active.tasks.iter().any(|task| is_it(task.tool_use_id.as_ref()));
        let nothing = Event::AgentNotLaunched { session, call: tool_use, client: client() };
        return is_known.then_some(nothing);
    };
    // The answer comes a second time, after the agent finished.
    if context.settings().execution == Switch::Off
        || context.store.find_retired(&session, &agent.id).is_some()
    {
        return None;
    }
    let asked = AgentLaunch::of(&event.tool_input)?;
    let mut launch = launch(asked, session, tool_use, by, event.cwd);
    if let Some(model) = &agent.model {
        launch.call.resolve(model);
    }
    Some(Event::AgentLaunched { launch: Box::new(launch), id: agent.id, at: context.now.at })
}

/// What a call asks for.
pub(super) fn launch(
    asked: AgentLaunch,
    session: SessionId,
    tool_use_id: ToolUseId,
    agent: Option<AgentId>,
    cwd: PathBuf,
) -> Launch {
    let mut call = AgentCall::new(&asked.agent_type, asked.model.as_deref(), &asked.prompt);
    call.process = client();
    let description = match asked.description {
        description if description.is_empty() => call.agent_type.clone(),
        description => description,
    };
    Launch { session, tool_use_id, agent, cwd, description, call, machine: Machine::here() }
}

/// What the model and the user learn of an agent that has to wait for a slot.
pub(crate) fn waits(context: &Context, id: &ClientTaskId) -> Option<(String, String)> {
    let settled = settle_with(&Update { wait: LOCK_WAIT_FOR_AGENT, ..Update::of(context) });
    context.logged("agents", settled);
    let active = context.logged("agents", context.store.read_active())?;
    let agent = active.tasks.iter().rev().find(|task| task.client_id() == Some(id))?;
    let limits = Limits::of(context.settings());
    let for_model = agent_waits(&active, agent, &limits, context.now.at)?;
    Some((for_model, agent_queued_on_screen(&active, agent, &limits)?))
}

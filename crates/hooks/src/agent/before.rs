//! PreToolUse of a call for an agent: recorded, or denied if there is no slot for it.
//!
//! Two kinds of calls are left alone. A call in the foreground makes its conversation wait, which could not be notified
//! that it is next in the queue. A call of a subagent can't be notified later either.

use std::time::Duration;

use anyhow::Result;
use sisyphus_base::machine::Machine;
use sisyphus_hook::{AgentLaunch, Context, Place, PreToolUse, Reply};
use sisyphus_process::client;
use sisyphus_settings::Switch;
use sisyphus_state::agents::{Launch, Limits, admit, keep_prompt};
use sisyphus_tasks::admission::Admission;
use sisyphus_tasks::agent_call::AgentCall;
use sisyphus_tasks::status::Status;
use sisyphus_wording::agent_refused;

use super::model::expected;
use super::update;

/// How long the answer may take. Agents that are launched together must be counted in sequence, and one too many costs
/// far more than a second.
const ADMISSION_WAIT: Duration = Duration::from_secs(1);

/// Answers a call.
pub(crate) fn before_agent(context: &Context, event: PreToolUse) -> Result<Reply> {
    let Some(asked) = AgentLaunch::of(&event.tool_input) else { return Ok(Reply::Silent) };
    if event.agent_id.is_some() || asked.place == Place::Foreground {
        return Ok(Reply::Silent);
    }
    let settings = context.settings();
    if settings.execution == Switch::Off {
        return Ok(Reply::Silent);
    }
    let mut call = AgentCall::new(&asked.agent_type, asked.model.as_deref(), &asked.prompt);
    call.process = client();
    let active = context.store.read_active()?;
    if Limits::of(settings).tell_models_apart() || !active.agents.throttles.is_empty() {
        call.expect(expected(context, &event, &call, &active));
    }
    let launch = Launch {
        session: event.session_id,
        tool_use_id: event.tool_use_id,
        agent: None,
        cwd: event.cwd,
        description: described(asked.description, &call),
        call,
        machine: Machine::here(),
    };
    update(context, context.now, ADMISSION_WAIT, |active, limits, now| {
        let model = launch.call.model().map(str::to_owned);
        let (session, id) = (launch.session.clone(), launch.tool_use_id.clone());
        let wanted = launch.into_task(Status::Pending { announced_at: now.at });
        match admit(active, wanted, limits, now.at) {
            Admission::Immediate => Reply::Silent,
            Admission::Queued { position: number } => {
                let kept = keep_prompt(context.store.dir(), &session, &id, &asked.prompt);
                context.logged("PreToolUse", kept);
                let reason = agent_refused(active, model.as_deref(), number, limits, now.at);
                Reply::Deny { reason }
            }
        }
    })
}

/// The name of an agent: its description, or its type if it has none.
pub(super) fn described(description: String, call: &AgentCall) -> String {
    if description.is_empty() { call.agent_type.clone() } else { description }
}

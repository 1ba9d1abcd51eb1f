//! SubagentStart: holds an agent above the limit until it has a slot, and records that a finished agent runs again. It
//! got a message, or its own background work finished.

use anyhow::Result;
use sisyphus_base::id::ClientTaskId;
use sisyphus_hook::{Context, Reply, SubagentStart};
use sisyphus_process::client;
use sisyphus_settings::Switch;
use sisyphus_state::agents::{has_unanswered, rests};
use sisyphus_state::event::Event;
use sisyphus_tasks::agent_call::Activity;
use sisyphus_tasks::task::{Kind, Task};

use crate::agent::{Known, hold, is_live, settle};

/// Handles the event. Claude Code waits for this hook before the agent's first request.
pub fn handle(context: &Context, event: SubagentStart) -> Result<Reply> {
    let (session, id) = (event.session_id, ClientTaskId::new(event.agent_id.as_str())?);
    if context.settings().execution == Switch::Off {
        return Ok(Reply::Silent);
    }
    let peek = context.peek()?;
    if rests(&peek.active, &id) {
        let works = Event::AgentActivity { id, activity: Activity::Works };
        context.commit(peek, &[works], |_, _| ())?;
        settle(context, context.now);
        return Ok(Reply::Silent);
    }
    let may_wait = is_live(&peek.active, &id) || has_unanswered(&peek.active, &session);
    if may_wait && hold(context, &session, &id)? == Known::Recorded {
        return Ok(Reply::Silent);
    }
    let retired = context.store.find_retired(&session, &id);
    // One that ended while this hook started does not run again.
    let is_before = |task: &Task| {
        let ending = task.status().ending();
        task.kind == Kind::Agent && ending.is_some_and(|it| it.ended_at <= context.now.at)
    };
    let Some(mut before) = retired.filter(is_before) else { return Ok(Reply::Silent) };
    before.session = session;
    if let Some(call) = &mut before.launched {
        call.process = client();
    }
    let revived = Event::AgentRevived { before: Box::new(before), at: context.now.at };
    context.commit(context.peek()?, &[revived], |_, _| ())?;
    settle(context, context.now);
    Ok(Reply::Silent)
}

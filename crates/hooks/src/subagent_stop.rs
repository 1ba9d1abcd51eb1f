//! SubagentStop: the agent is over, unless it waits for its own background work. What the subagent has not been told, and what it left running, is from now on told to the main
//! conversation. Prints nothing: what is printed here goes to the subagent and keeps it running.

use anyhow::Result;
use sisyphus_core::bind::tasks_of;
use sisyphus_core::store::LOCK_WAIT_IN_HOOK;
use sisyphus_core::task::{AgentLife, Task};
use sisyphus_hook::{Context, Reply, SubagentStop};

use crate::agent::stopped;

/// Handles the event.
pub fn handle(context: &Context, event: SubagentStop) -> Result<Reply> {
    context.fold();
    if let Err(error) = stopped(context, &event.agent_id, event.last_assistant_message.as_deref()) {
        context.log("SubagentStop", &error);
    }
    let is_its = |task: &Task| {
        task.agent.as_ref() == Some(&event.agent_id) && task.agent_life == AgentLife::Lives
    };
    let session = &event.session_id;
    let runs = |task: &Task| &task.session == session && is_its(task);
    let owed = context.store.read_outbox(session)?.held().any(is_its);
    if owed || context.store.read_active()?.tasks.iter().any(runs) {
        context.store.update(LOCK_WAIT_IN_HOOK, |transaction| {
            let theirs = tasks_of(transaction, session)?.into_iter().filter(|task| is_its(task));
            theirs.for_each(|task| task.agent_life = AgentLife::Stopped);
            Ok(())
        })?;
    }
    Ok(Reply::Silent)
}

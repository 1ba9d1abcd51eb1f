//! SubagentStop: what is still owed to the subagent goes to the main conversation. Prints nothing: what is printed
//! here goes to the subagent and keeps it running.

use anyhow::Result;
use sisyphus_core::store::LOCK_WAIT_IN_HOOK;
use sisyphus_core::task::Task;
use sisyphus_hook::{Context, Reply, SubagentStop};

/// Handles the event.
pub fn handle(context: &Context, event: SubagentStop) -> Result<Reply> {
    context.fold();
    let is_its = |task: &Task| task.agent.as_ref() == Some(&event.agent_id);
    let session = &event.session_id;
    if context.store.read_outbox(session)?.held().any(is_its) {
        context.store.update(LOCK_WAIT_IN_HOOK, |transaction| {
            let held = transaction.outbox(session)?.held_mut();
            held.filter(|task| is_its(task)).for_each(|task| task.agent = None);
            Ok(())
        })?;
    }
    Ok(Reply::Silent)
}

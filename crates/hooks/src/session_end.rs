//! SessionEnd: marks what runs, so that a stop that follows is known for what it is. Within the 1.5 s that all hooks
//! share.

use anyhow::Result;
use sisyphus_core::announce::{Unclaimed, forget_unclaimed};
use sisyphus_core::outcome::Canceller;
use sisyphus_core::store::LOCK_WAIT_IN_HOOK;
use sisyphus_core::task::{StopAsked, Task};
use sisyphus_hook::{Context, Reply, SessionEnd};

/// Handles the event.
pub fn handle(context: &Context, event: SessionEnd) -> Result<Reply> {
    let session = &event.session_id;
    forget_unclaimed(
        &context.store,
        context.run_root().as_ref(),
        session,
        Unclaimed::WholeSession,
    )?;
    let is_unmarked = |task: &Task| &task.session == session && task.stop_asked.is_none();
    if context.store.read_active()?.tasks.iter().any(is_unmarked) {
        context.store.update(LOCK_WAIT_IN_HOOK, |transaction| {
            for task in transaction.active.tasks.iter_mut().filter(|task| is_unmarked(task)) {
                task.stop_asked = Some(StopAsked { by: Canceller::SessionEnd, at: context.now });
            }
            Ok(())
        })?;
    }
    Ok(Reply::Silent)
}

//! SessionEnd: marks what runs, so that a stop that follows is known for what it is, and closes what nobody will see
//! end. Within the 1.5 s that all hooks share.

use anyhow::Result;
use sisyphus_core::announce::{Unclaimed, forget_unclaimed, is_left_to_client};
use sisyphus_core::fold::advance;
use sisyphus_core::judge::unseen_end;
use sisyphus_core::outcome::{Canceller, LostReason};
use sisyphus_core::store::LOCK_WAIT_IN_HOOK;
use sisyphus_core::task::StopAsked;
use sisyphus_core::transition::Event;
use sisyphus_hook::{Context, EndReason, Reply, SessionEnd};

/// Handles the event.
pub fn handle(context: &Context, event: SessionEnd) -> Result<Reply> {
    let session = &event.session_id;
    context.fold();
    forget_unclaimed(&context.store, session, Unclaimed::WholeSession)?;
    if event.reason == EndReason::Clear {
        return Ok(Reply::Silent);
    }
    if !context.store.read_active()?.tasks.iter().any(|task| &task.session == session) {
        return Ok(Reply::Silent);
    }
    context.store.update(LOCK_WAIT_IN_HOOK, |transaction| {
        let (theirs, others) = std::mem::take(&mut transaction.active.tasks)
            .into_iter()
            .partition(|task| &task.session == session);
        transaction.active.tasks = others;
        for mut task in theirs {
            if is_left_to_client(&task) {
                let ending = unseen_end(&task, LostReason::SessionEnded, context.now);
                advance(transaction, task, Event::Ended(ending))?;
            } else {
                if task.stopper(context.now).is_none() {
                    let asked = StopAsked { by: Canceller::SessionEnd, at: context.now };
                    task.stop_asked = Some(asked);
                }
                transaction.active.insert(task);
            }
        }
        Ok(())
    })?;
    Ok(Reply::Silent)
}

//! Stop: the turn is over. Calls that never ran are forgotten, and a result that the client has not announced within
//! its time is delivered here.

use anyhow::Result;
use chrono::Duration;
use sisyphus_core::announce::{Unclaimed, forget_unclaimed};
use sisyphus_core::status::Status;
use sisyphus_core::store::LOCK_WAIT_IN_HOOK;
use sisyphus_core::task::Task;
use sisyphus_hook::{Context, Reply, Stop};

use crate::deliver::{Recipient, deliver};

/// How long the client has to announce an end before we do.
const GRACE: Duration = Duration::seconds(3);

/// Handles the event.
pub fn handle(context: &Context, event: Stop) -> Result<Reply> {
    let session = &event.session_id;
    context.fold();
    // None of these keeps a result back.
    let forgotten = forget_unclaimed(&context.store, session, Unclaimed::MainConversation)
        .and_then(|()| forget_strangers(context, &event));
    if let Err(error) = forgotten {
        context.log("Stop", &error);
    }
    // The conversation goes on already because of a hook: once is enough, the next prompt brings the rest.
    if event.stop_hook_active {
        return Ok(Reply::Silent);
    }
    let overdue = |task: &Task| match &task.status {
        Status::Finished(ending) => {
            task.is_bound() && task.agent.is_none() && context.now - ending.ended_at > GRACE
        }
        Status::Pending { .. } | Status::Queued { .. } | Status::Running { .. } => false,
    };
    if context.store.read_outbox(session)?.held().any(overdue) {
        return deliver(context, session, &Recipient::MainConversation);
    }
    Ok(Reply::Silent)
}

/// Drops results that the client never called background tasks: a foreground command took an announcement that was
/// meant for its background twin. After the turn no confirmation can come any more.
fn forget_strangers(context: &Context, event: &Stop) -> Result<()> {
    let is_stranger = |task: &Task| !task.is_bound() && task.agent.is_none();
    let session = &event.session_id;
    if !context.store.read_outbox(session)?.owed.iter().any(is_stranger) {
        return Ok(());
    }
    context.store.update(LOCK_WAIT_IN_HOOK, |transaction| {
        transaction.outbox(session)?.owed.retain(|task| !is_stranger(task));
        Ok(())
    })
}

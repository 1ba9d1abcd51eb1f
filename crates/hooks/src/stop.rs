//! Stop: the turn is over. Calls that never ran are forgotten, and a result that the client has not announced within
//! its time is delivered here.

use anyhow::Result;
use sisyphus_core::announce::{Unclaimed, forget_unclaimed};
use sisyphus_core::fold::advance;
use sisyphus_core::outcome::Outcome;
use sisyphus_core::status::{Ending, Status, Watch};
use sisyphus_core::store::LOCK_WAIT_IN_HOOK;
use sisyphus_core::task::Task;
use sisyphus_core::transition::Event;
use sisyphus_hook::{Context, Reply, Stop};

use crate::agent::{belongs_here, settle, with_turns};
use crate::deliver::{Recipient, rescue};
use crate::take_back::take_back;

/// Handles the event.
pub fn handle(context: &Context, event: Stop) -> Result<Reply> {
    let session = &event.session_id;
    context.fold();
    // None of these keeps a result back.
    let steps = [
        forget_unclaimed(&context.store, session, Unclaimed::MainConversation),
        forget_strangers(context, &event),
        end_unlisted(context, &event),
        take_back(context, session, event.transcript_path.as_deref()),
    ];
    for error in steps.into_iter().filter_map(Result::err) {
        context.log("Stop", &error);
    }
    // The conversation goes on already because of a hook: once is enough, the next prompt brings the rest.
    if event.stop_hook_active {
        settle(context, context.now);
        return Ok(Reply::Silent);
    }
    let reply = rescue(context, session)?;
    Ok(with_turns(context, session, reply))
}

/// Ends tasks that only the client sees and that it does not list any more, twice in a row: its notice of the end was
/// missed, or will never come. Once may be the moment between the end and the notice.
fn end_unlisted(context: &Context, event: &Stop) -> Result<()> {
    let Some(listed) = &event.background_tasks else { return Ok(()) };
    let active = context.store.read_active()?;
    let is_meant = |task: &Task| {
        let observed = matches!(task.status, Status::Running { watch: Watch::Observed, .. });
        observed && belongs_here(task, &event.session_id, &active)
    };
    let is_missing =
        |task: &Task| is_meant(task) && task.client_id().is_some_and(|id| !listed.contains(id));
    let is_news = |task: &Task| is_meant(task) && (is_missing(task) || task.unlisted > 0);
    if !active.tasks.iter().any(is_news) {
        return Ok(());
    }
    context.store.update(LOCK_WAIT_IN_HOOK, |transaction| {
        for mut task in std::mem::take(&mut transaction.active.tasks) {
            if !is_meant(&task) {
                transaction.active.insert(task);
            } else if !is_missing(&task) {
                task.unlisted = 0;
                transaction.active.insert(task);
            } else if task.unlisted == 0 {
                task.unlisted = 1;
                transaction.active.insert(task);
            } else {
                let ending = Ending::unseen(Outcome::Unknown, context.now);
                advance(transaction, task, Event::Ended(ending))?;
            }
        }
        Ok(())
    })
}

/// Drops results that the client never called background tasks: a foreground command took an announcement that was
/// meant for its background twin. After the turn no confirmation can come any more.
fn forget_strangers(context: &Context, event: &Stop) -> Result<()> {
    let is_stranger = |task: &Task| !task.is_bound() && Recipient::MainConversation.is_of(task);
    let session = &event.session_id;
    if !context.store.read_outbox(session)?.owed.iter().any(is_stranger) {
        return Ok(());
    }
    context.store.update(LOCK_WAIT_IN_HOOK, |transaction| {
        transaction.outbox(session)?.owed.retain(|task| !is_stranger(task));
        Ok(())
    })
}

//! Stop: the turn is over. The hook forgets calls that never ran, finds the calls of runs that no answer named, and
//! delivers a result that Claude Code did not announce in time.

use anyhow::Result;
use sisyphus_base::id::ClientTaskId;
use sisyphus_hook::{Context, Reply, Stop};
use sisyphus_process::client;
use sisyphus_state::agents::is_unanswered_in;
use sisyphus_state::announced::Announced;
use sisyphus_state::event::Event;
use sisyphus_state::run::Run;
use sisyphus_state::store::Active;
use sisyphus_tasks::task::Task;

use crate::agent::settle;
use crate::deliver::{Reader, Recipient, Taken};
use crate::fates::{Fates, Unmentioned};
use crate::missed::{Missed, missed};

/// Handles the event.
pub fn handle(context: &Context, event: Stop) -> Result<Reply> {
    let session = &event.session_id;
    let peek = context.peek()?;
    let transcript = event.transcript_path.as_deref();
    let fates = Fates::read(context, peek.active.sent(session), transcript, Unmentioned::Passed);
    let listed = event.background_tasks.as_deref();
    let Missed { mut events, searched_until } = missed(context, &peek.active, &event);
    forget_announced(context, &event);
    let is_unanswered = |task: &Task| is_unanswered_in(task, session);
    if is_unlisted_news(&peek.active, listed) || peek.active.live().any(is_unanswered) {
        let client = client();
        let listed = event.background_tasks.clone();
        events.push(Event::TurnEnded { session: session.clone(), listed, client });
    }
    let reader = Reader::new(session, Recipient::MainConversation, &peek.active);
    let is_needed = !events.is_empty()
        || !fates.is_empty()
        || searched_until.is_some()
        || reader.is_due(&peek.active, context.now.tick)
        || reader.has_matches(&peek.active)
        || peek.has_news();
    let taken = if is_needed {
        context.commit(peek, &events, |active, now| {
            fates.apply(active, now);
            if let Some(until) = searched_until {
                active.settle_calls(session, until);
            }
            // The conversation continues already because of a hook. Once is enough, and the next prompt carries the
            // rest.
            if event.stop_hook_active {
                Taken::default()
            } else {
                reader.take_at_end_of_turn(active, now)
            }
        })?
    } else {
        Taken::default()
    };
    settle(context, context.now);
    Ok(taken.render(context))
}

/// Whether Claude Code's list may say something of a task that only Claude Code watches.
fn is_unlisted_news(active: &Active, listed: Option<&[ClientTaskId]>) -> bool {
    let Some(listed) = listed else { return false };
    let is_missing = |task: &Task| task.client_id().is_some_and(|id| !listed.contains(id));
    active.live().any(|task| is_missing(task) || task.unlisted > 0)
        || active.tasks.iter().any(Task::is_held_back)
}

/// Forgets the calls of the main conversation that never ran, because they were denied, or answered by another hook. A
/// call of a subagent may still be on its way when the main conversation stops.
fn forget_announced(context: &Context, event: &Stop) {
    let announced = Announced::of(context.store.dir(), &event.session_id);
    // As in most turns.
    if !announced.dir().exists() {
        return;
    }
    for announcement in announced.list().unwrap_or_default() {
        if let (None, Some(call)) = (&announcement.call.agent, &announcement.call.tool_use_id) {
            announced.remove(call);
        }
    }
    announced.forget_overdue(context.now.at.into(), |id| {
        Run::outside(context.store.dir(), &event.session_id, id).is_attached()
    });
}

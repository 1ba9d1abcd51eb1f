//! SessionEnd: marks what runs, so that a stop that follows is known for what it is, and closes what nothing will see
//! end. Within the 1.5 s that all hooks share.

use anyhow::Result;
use sisyphus_base::id::SessionId;
use sisyphus_hook::{Context, EndReason, Reply, SessionEnd};
use sisyphus_process::client;
use sisyphus_state::announced::Announced;
use sisyphus_state::event::Event;
use sisyphus_state::notify::Notes;
use sisyphus_state::store::LOCK_WAIT_IN_HOOK;
use sisyphus_state::transfer::post_transfer;

use crate::agent;
use crate::prompt_fates::PromptFates;

/// Handles the event.
pub fn handle(context: &Context, event: SessionEnd) -> Result<Reply> {
    let session = &event.session_id;
    forget_announced(context, session);
    let peek = context.peek()?;
    // No event of this conversation will ask its transcript later.
    let transcript = event.transcript_path.as_deref();
    let fates = PromptFates::read_last(context, &peek.active, session, transcript);
    let mut events = Vec::new();
    if event.reason == EndReason::Clear {
        if let Some(client) = client() {
            post_transfer(context.store.dir(), &client, session)?;
        }
    } else if peek.active.tasks.iter().any(|task| &task.session == session) {
        events.push(Event::SessionEnded { session: session.clone(), at: context.now.at });
    }
    if !events.is_empty() || !fates.is_empty() || peek.has_news() {
        context.commit(peek, &events, |active, now| fates.apply(active, now))?;
    }
    if !events.is_empty() && context.store.dir().notify().exists() {
        // What was stopped just now was the last to finish: that is no summary that anybody waits for.
        let summaries = |notes: &mut Notes| notes.over.retain(|it| &it.session != session);
        context.store.take_notes(LOCK_WAIT_IN_HOOK, summaries)?;
    }
    // Last: the slots of what has ended are free now.
    agent::leave(context, session);
    Ok(Reply::Silent)
}

/// No call of the session can run any more.
fn forget_announced(context: &Context, session: &SessionId) {
    let announced = Announced::of(context.store.dir(), session);
    for announcement in announced.list().unwrap_or_default() {
        announcement.call.tool_use_id.iter().for_each(|call| announced.remove(call));
    }
    announced.forget_overdue(context.now.at.into(), |_| true);
}

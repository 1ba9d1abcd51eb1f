//! SessionEnd: marks what runs, so that a stop that follows is attributed to it, and closes what nothing will observe.
//! All hooks share 1.5 s for this.

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
use crate::fates::{Fates, Unmentioned};
use crate::stop_sessions::{doomed, stop};

/// Handles the event.
pub fn handle(context: &Context, event: SessionEnd) -> Result<Reply> {
    let session = &event.session_id;
    forget_announced(context, session);
    let peek = context.peek()?;
    let transcript = event.transcript_path.as_deref();
    let unmentioned = match event.reason {
        // No later event reads this transcript.
        EndReason::Clear => Unmentioned::Left,
        // The resumed session does.
        EndReason::Exit => Unmentioned::Open,
    };
    let fates = Fates::read(context, peek.active.sent(session), transcript, unmentioned);
    let mut events = Vec::new();
    if event.reason == EndReason::Clear {
        if let Some(client) = client() {
            post_transfer(context.store.dir(), &client, session)?;
        }
    } else if peek.active.tasks.iter().any(|task| &task.session == session)
        || peek.active.may_miss_calls(session)
    {
        events.push(Event::SessionEnded { session: session.clone(), at: context.now.at });
    }
    let doomed = match event.reason {
        EndReason::Clear => Vec::new(),
        EndReason::Exit => doomed(context, &peek.active, session),
    };
    events.extend(doomed.iter().map(|(_, asked)| asked.clone()));
    let committed = if !events.is_empty() || !fates.is_empty() || peek.has_news() {
        context.commit(peek, &events, |active, now| fates.apply(active, now))
    } else {
        Ok(())
    };
    // The events are posted, whatever became of the commit.
    for (task, _) in &doomed {
        context.logged("SessionEnd", stop(context, task));
    }
    committed?;
    if !events.is_empty() && context.store.dir().notify().exists() {
        // The session's last tasks finish because it ends. The user does not wait for that summary.
        let summaries = |notes: &mut Notes| notes.over.retain(|it| &it.session != session);
        context.store.take_notes(LOCK_WAIT_IN_HOOK, summaries)?;
    }
    // This is last, because now the slots of finished agents are free.
    agent::leave(context, session);
    Ok(Reply::Silent)
}

/// Forgets the session's announced calls: none of them can run any more.
fn forget_announced(context: &Context, session: &SessionId) {
    let announced = Announced::of(context.store.dir(), session);
    for announcement in announced.list().unwrap_or_default() {
        announcement.call.tool_use_id.iter().for_each(|call| announced.remove(call));
    }
    announced.forget_overdue(context.now.at.into(), |_| true);
}

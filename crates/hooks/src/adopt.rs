//! Gives to a new session what its project's earlier conversations left behind: results that they will not read, and kept
//! commands that run on.

use anyhow::Result;
use sisyphus_base::environment::Attendance;
use sisyphus_base::id::{SessionId, TaskId};
use sisyphus_hook::{Context, Reply, SessionStart};
use sisyphus_process::{client, is_gone};
use sisyphus_state::agents::Limits;
use sisyphus_state::event::Event;
use sisyphus_state::line::View;
use sisyphus_state::store::Active;
use sisyphus_wording::{Surroundings, adopted_line, kept_table};

use crate::deliver::{Reader, Recipient};
use crate::queue::line;

/// Adopts what is owed to conversations that are over. Only a session with a person in front of it does: a script, or a
/// delegated session, must not read what was meant for a conversation.
pub(crate) fn adopt(context: &Context, event: &SessionStart) -> Result<Reply> {
    let mut peek = context.peek()?;
    if peek.has_news() {
        context.commit(peek, &[], |_, _| ())?;
        peek = context.peek()?;
    }
    let events = match context.environment.attendance {
        Attendance::Attended => adoption(context, event, &peek.active),
        Attendance::Unattended | Attendance::Unknown => Vec::new(),
    };
    if events.is_empty() {
        return Ok(Reply::Silent);
    }
    let reader = Reader::new(&event.session_id, Recipient::MainConversation, &peek.active);
    let limits = Limits::of(context.settings());
    let line = line(context, View::Whole);
    let (taken, kept) = context.commit(peek, &events, |active, now| {
        let state = context.store.dir();
        let around = Surroundings { line: line.as_ref(), limits: &limits, state, now: now.at };
        // The session is new, so all that it has is adopted.
        let kept = kept_table(active, |task| task.session == event.session_id, around);
        (reader.take(active, now), kept)
    })?;
    let why = adopted_line(taken.leased.iter().map(|leased| &leased.task));
    let note = [why, kept].into_iter().flatten().reduce(|why, kept| format!("{why}\n{kept}"));
    Ok(taken.render(context).with_note(note))
}

/// The events that give this session the results, if there are any.
fn adoption(context: &Context, event: &SessionStart, active: &Active) -> Vec<Event> {
    let own = context.environment.claude_project_dir.as_deref();
    let project = own.unwrap_or(&event.cwd);
    let mut parked = context.store.find_parked_in(project, is_gone);
    // Its conversation may have been resumed since, and then it is not parked any more.
    parked.retain(|task| active.task(&task.id).is_none());
    let owed = active.orphaned(project, is_gone);
    let (tasks, from): (Vec<TaskId>, Vec<SessionId>) =
        owed.chain(&parked).map(|task| (task.id.clone(), task.session.clone())).unzip();
    if tasks.is_empty() {
        return Vec::new();
    }
    let by = event.session_id.clone();
    let adopted = Event::Adopted { tasks, from, by, client: client() };
    vec![Event::Unparked { tasks: parked }, adopted]
}

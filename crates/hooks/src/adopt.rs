//! Reports to a new session the results of delegated sessions that its project's earlier conversations will not read.

use anyhow::Result;
use sisyphus_base::environment::Attendance;
use sisyphus_base::id::TaskId;
use sisyphus_hook::{Context, Reply, SessionStart};
use sisyphus_process::is_gone;
use sisyphus_state::event::Event;
use sisyphus_state::store::Active;
use sisyphus_wording::adopted_line;

use crate::deliver::{Reader, Recipient};

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
    let taken = context.commit(peek, &events, |active, now| reader.take(active, now))?;
    let note = adopted_line(taken.leased.len());
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
    let tasks: Vec<TaskId> = owed.chain(&parked).map(|task| task.id.clone()).collect();
    if tasks.is_empty() {
        return Vec::new();
    }
    let adopted = Event::Adopted { tasks, by: event.session_id.clone() };
    vec![Event::Unparked { tasks: parked }, adopted]
}

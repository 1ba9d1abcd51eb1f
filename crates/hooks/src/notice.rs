//! Turns Claude Code's notice that a command finished into an event, with what is known of its task.

use std::path::Path;

use sisyphus_base::id::{SessionId, TaskId};
use sisyphus_base::machine::Machine;
use sisyphus_hook::{Context, Notification};
use sisyphus_process::client;
use sisyphus_state::announced::Announced;
use sisyphus_state::completion::{Completion, Known, Notice, observed_output};
use sisyphus_state::event::Event;
use sisyphus_state::run::Run;
use sisyphus_state::store::Active;
use sisyphus_tasks::call::{Announcement, Join};

/// Makes the event. The output is copied here, outside of the lock, because a copy is slow.
pub(crate) fn completion(
    context: &Context,
    active: &Active,
    session: &SessionId,
    cwd: &Path,
    notification: &Notification,
) -> Event {
    let notice = Notice {
        session: session.clone(),
        client_id: notification.client_id.clone(),
        tool_use_id: notification.tool_use_id.clone(),
        description: notification.description.clone(),
        output_file: notification.output_file.clone(),
        cwd: cwd.to_owned(),
        end: notification.end,
    };
    let recorded = active.named(session, &notice.client_id, notice.tool_use_id.as_ref());
    let known = match recorded {
        Some(task) => Known::Recorded(task.id.clone()),
        None => unrecorded(context, &notice),
    };
    let is_kept = match (&known, recorded) {
        (_, Some(task)) => task.status().is_final() || task.has_runner(),
        (Known::Retired(_), None) => true,
        (Known::Announced(join), None) => {
            Run::outside(context.store.dir(), session, &join.client.id).is_attached()
        }
        (Known::Recorded(_) | Known::New(_), None) => false,
    };
    let started_in = recorded.map_or(session, |task| task.started_in());
    let (state, tmp) = (context.store.dir(), context.client_tmp());
    let output =
        if is_kept { None } else { observed_output(&notice, started_in, known.id(), tmp, state) };
    Event::Completed(Box::new(Completion { notice, known, output }))
}

/// Finds a task without a live record: its call was announced and its PostToolUse is missing, or the task is retired,
/// or it is unknown.
fn unrecorded(context: &Context, notice: &Notice) -> Known {
    let state = context.store.dir();
    let announced = notice.tool_use_id.as_ref().and_then(|call| {
        let announced = Announced::of(state, &notice.session);
        let found = announced.read(call)?;
        announced.remove(call);
        Some(found)
    });
    let run = Run::outside(state, &notice.session, &notice.client_id);
    let join =
        |announcement| Join::new(announcement, notice.client_id.clone(), client(), Machine::here());
    if let Some(announcement) = announced {
        return Known::Announced(Box::new(join(announcement)));
    }
    if let Some(task) = context.store.find_retired(&notice.session, &notice.client_id) {
        return Known::Retired(Box::new(task));
    }
    // Either the record was removed, and the run's folder still has a copy of its call; or no PostToolUse named the
    // call.
    match run.joined().or_else(|| alike(&run, notice).map(join)) {
        Some(join) => Known::Announced(Box::new(join)),
        None => Known::New(TaskId::random()),
    }
}

/// The announcement of the same text that the runner attached by, as a new task. Of two equal calls, the notice names
/// the right one.
fn alike(run: &Run, notice: &Notice) -> Option<Announcement> {
    let mut announcement = run.attachment()?.announcement;
    announcement.task = TaskId::random();
    announcement.call.tool_use_id.clone_from(&notice.tool_use_id);
    announcement.call.description.clone_from(&notice.description);
    Some(announcement)
}

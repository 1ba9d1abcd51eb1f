//! SessionStart: attaches the session's shells to the runner, notes who else rewrites commands, and tells a
//! session that goes on what is owed to it and what still runs.

use anyhow::Result;
use sisyphus_core::id::SessionId;
use sisyphus_core::notice::table;
use sisyphus_core::outcome::Canceller;
use sisyphus_core::settings::Execution;
use sisyphus_core::store::LOCK_WAIT_IN_HOOK;
use sisyphus_core::task::Task;
use sisyphus_hook::{Context, Reply, SessionSource, SessionStart};

use crate::attach::attach;
use crate::deliver::{Recipient, deliver};
use crate::others::survey;

/// Handles the event.
pub fn handle(context: &Context, event: SessionStart) -> Result<Reply> {
    if context.settings().execution == Execution::Off {
        return Ok(Reply::Silent);
    }
    // One after the other, and none stops the next: a session without attachment still gets its results.
    let steps = [
        ("attach", attach(context, &event.session_id)),
        (
            "survey",
            context
                .store
                .write_session(&event.session_id, survey(&context.environment, &event.cwd)),
        ),
    ];
    for (step, outcome) in steps {
        if let Err(error) = outcome {
            context.log(&format!("SessionStart {step}"), &error);
        }
    }
    context.fold();
    if event.source == SessionSource::Startup {
        return Ok(Reply::Silent);
    }
    let session = &event.session_id;
    let live = live(context, session).unwrap_or_else(|error| {
        context.log("SessionStart", &error);
        None
    });
    let owed = deliver(context, session, &Recipient::MainConversation).unwrap_or_else(|error| {
        context.log("SessionStart", &error);
        Reply::Silent
    });
    Ok(owed.with_note(live))
}

/// What of the session still runs or waits. Its end did not stop these after all: whatever stops them later is something
/// else.
fn live(context: &Context, session: &SessionId) -> Result<Option<String>> {
    let is_marked = |task: &Task| {
        let by_end = task.stop_asked.is_some_and(|asked| asked.by == Canceller::SessionEnd);
        &task.session == session && by_end
    };
    let mut active = context.store.read_active()?;
    if active.tasks.iter().any(is_marked) {
        active = context.store.update(LOCK_WAIT_IN_HOOK, |transaction| {
            let marked = transaction.active.tasks.iter_mut().filter(|task| is_marked(task));
            marked.for_each(|task| task.stop_asked = None);
            Ok(transaction.active.clone())
        })?;
    }
    let is_meant =
        |task: &Task| &task.session == session && Recipient::MainConversation.is_of(task);
    let limit = context.settings().max_background_tasks;
    Ok(table(&active, is_meant, limit, context.now))
}

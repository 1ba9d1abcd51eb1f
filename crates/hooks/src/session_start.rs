//! SessionStart: attaches the session's shells to the runner, notes who else rewrites commands, and tells a
//! session that goes on what is owed to it and what still runs.

use anyhow::Result;
use sisyphus_core::agents::Limits;
use sisyphus_core::bind::tasks_of;
use sisyphus_core::hand_over::follow;
use sisyphus_core::id::SessionId;
use sisyphus_core::notice::table;
use sisyphus_core::outcome::Canceller;
use sisyphus_core::settings::Execution;
use sisyphus_core::store::LOCK_WAIT_IN_HOOK;
use sisyphus_core::task::{AgentLife, Task};
use sisyphus_hook::{Context, Reply, SessionSource, SessionStart};
use sisyphus_process::client;

use crate::agent::{settle, with_news};
use crate::attach::attach;
use crate::deliver::{Recipient, deliver};
use crate::others::survey;
use crate::take_back::take_back;

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
    // The agents of the client before this one must not be said to run.
    settle(context, context.now);
    let session = &event.session_id;
    if event.source == SessionSource::Resume
        && let Err(error) = bury_agents(context, session)
    {
        context.log("SessionStart", &error);
    }
    // Behind it: what comes along from another conversation of this client may have subagents that live.
    if let Some(client) = client()
        && let Err(error) = follow(&context.store, &client, session, context.now)
    {
        context.log("SessionStart", &error);
    }
    if let Err(error) = take_back(context, session, event.transcript_path.as_deref()) {
        context.log("SessionStart", &error);
    }
    let live = live(context, session).unwrap_or_else(|error| {
        context.log("SessionStart", &error);
        None
    });
    let owed = deliver(context, session, &Recipient::MainConversation).unwrap_or_else(|error| {
        context.log("SessionStart", &error);
        Reply::Silent
    });
    Ok(with_news(context, session, owed.with_note(live)))
}

/// The subagents of a session that a new client resumes are gone, whether or not anybody said so: what they started is
/// told to the main conversation.
fn bury_agents(context: &Context, session: &SessionId) -> Result<()> {
    let is_orphan = |task: &Task| task.agent.is_some() && task.agent_life == AgentLife::Lives;
    let of_session = |task: &Task| &task.session == session && is_orphan(task);
    let active = context.store.read_active()?.tasks.iter().any(of_session);
    if !active && !context.store.read_outbox(session)?.held().any(is_orphan) {
        return Ok(());
    }
    context.store.update(LOCK_WAIT_IN_HOOK, |transaction| {
        let theirs = tasks_of(transaction, session)?.into_iter().filter(|task| is_orphan(task));
        theirs.for_each(|task| task.agent_life = AgentLife::Stopped);
        Ok(())
    })
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
    let limits = Limits::of(&context.settings());
    Ok(table(&active, is_meant, &limits, context.now))
}

//! PostToolUse: ties the record to the client's task, says if it has to wait, and hands a subagent what is owed to it.

use anyhow::Result;
use sisyphus_core::announce::is_left_to_client;
use sisyphus_core::bind::bind;
use sisyphus_core::fold::advance;
use sisyphus_core::notice::queue_line;
use sisyphus_core::outcome::{Canceller, Outcome};
use sisyphus_core::settings::Execution;
use sisyphus_core::status::Ending;
use sisyphus_core::store::LOCK_WAIT_IN_HOOK;
use sisyphus_core::task::Task;
use sisyphus_core::transition::Event;
use sisyphus_hook::{BackgroundCommand, Context, PostToolUse, Reply, Tool};

use crate::deliver::{Recipient, deliver, rescue};
use crate::launch::{Caller, call};
use crate::pre_tool_use::stopped_id;
use crate::silence::tell_silent;

/// Handles the event.
pub fn handle(context: &Context, event: PostToolUse) -> Result<Reply> {
    let (session, agent) = (event.session_id.clone(), event.agent_id.clone());
    let note = match event.tool_name {
        Tool::Bash | Tool::PowerShell => after_command(context, event)?,
        Tool::TaskStop => {
            after_task_stop(context, &event)?;
            None
        }
        Tool::Other => None,
    };
    context.fold();
    // A subagent's notices reach it without any prompt of ours; this is where we meet it. To the main conversation the
    // client announces an end itself, as a rule.
    let (reply, to) = match agent {
        Some(agent) => {
            let to = Recipient::Agent(agent);
            (deliver(context, &session, &to)?, to)
        }
        None => (rescue(context, &session)?, Recipient::MainConversation),
    };
    let silent = tell_silent(context, &session, &to);
    Ok(reply.with_note(silent).with_note(note))
}

/// Binds the call to the client's task. Returns what is said of its place in line, if it has to wait.
fn after_command(context: &Context, event: PostToolUse) -> Result<Option<String>> {
    let Some(client_id) = event.background_task_id else { return Ok(None) };
    let settings = context.settings();
    if settings.execution == Execution::Off {
        return Ok(None);
    }
    let Some(command) = BackgroundCommand::of(&event.tool_input) else { return Ok(None) };
    let caller = Caller {
        session: event.session_id,
        tool_use_id: event.tool_use_id,
        agent: event.agent_id,
        cwd: event.cwd,
    };
    let session = caller.session.clone();
    let call = call(caller, command, &settings);
    // First what the runner says: which of two equal commands has which of the client's ids.
    context.fold();
    context.store.update(LOCK_WAIT_IN_HOOK, |transaction| {
        bind(transaction, call, &client_id, context.now)?;
        let active = &transaction.active;
        let is_it = |task: &&Task| task.session == session && task.client_id() == Some(&client_id);
        let bound = active.tasks.iter().find(is_it);
        let limit = settings.max_background_tasks;
        Ok(bound.and_then(|task| queue_line(active, task, limit, context.now)))
    })
}

/// The end of a task that only the client sees and that was stopped is told by nobody else. A supervised one has its
/// runner.
fn after_task_stop(context: &Context, event: &PostToolUse) -> Result<()> {
    let Some(id) = stopped_id(&event.tool_input) else { return Ok(()) };
    context.fold();
    let is_meant = |task: &Task| task.session == event.session_id && task.client_id() == Some(&id);
    let active = context.store.read_active()?;
    let Some(meant) = active.tasks.into_iter().find(is_meant) else { return Ok(()) };
    context.store.update(LOCK_WAIT_IN_HOOK, |transaction| {
        let Some(task) = transaction.take(&meant.id) else { return Ok(()) };
        if !is_left_to_client(&task) {
            transaction.active.insert(task);
            return Ok(());
        }
        let outcome = Outcome::Cancelled { by: Canceller::Model };
        advance(transaction, task, Event::Ended(Ending::unseen(outcome, context.now)))
    })
}

//! PostToolUse: ties the record to the client's task, says if it has to wait, and hands a subagent what is owed to it.

use std::time::{Duration, Instant};

use anyhow::Result;
use sisyphus_core::agents::Limits;
use sisyphus_core::announce::is_left_to_client;
use sisyphus_core::bind::bind;
use sisyphus_core::fold::advance;
use sisyphus_core::notice::queue_line;
use sisyphus_core::outcome::{Canceller, Outcome};
use sisyphus_core::run_folder::RunRoot;
use sisyphus_core::settings::Execution;
use sisyphus_core::status::{Ending, Status};
use sisyphus_core::store::LOCK_WAIT_IN_HOOK;
use sisyphus_core::task::{StopProgress, Task};
use sisyphus_core::transition::Event;
use sisyphus_hook::{BackgroundCommand, Context, PostToolUse, Reply, Tool};
use sisyphus_process::client;

use crate::agent::{after_agent, with_news};
use crate::deliver::{Recipient, deliver, rescue};
use crate::launch::{Caller, call};
use crate::pre_tool_use::stopped_id;
use crate::silence::tell_silent;

/// How long a call that has to wait may go unclaimed before nothing is said of its place in line.
const CLAIM_WAIT: Duration = Duration::from_millis(300);
const CLAIM_LOOK: Duration = Duration::from_millis(5);

/// Handles the event.
pub fn handle(context: &Context, event: PostToolUse) -> Result<Reply> {
    let (session, agent) = (event.session_id.clone(), event.agent_id.clone());
    let note = match event.tool_name {
        Tool::Bash | Tool::PowerShell => after_command(context, event)?,
        Tool::TaskStop => {
            after_task_stop(context, &event)?;
            None
        }
        Tool::Agent => {
            after_agent(context, event)?;
            None
        }
        Tool::Own | Tool::Other => None,
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
    let reply = reply.with_note(silent).with_note(note);
    Ok(match to {
        Recipient::MainConversation => with_news(context, &session, reply),
        Recipient::Agent(_) => reply,
    })
}

/// Binds the call to the client's task. Returns what is said of its place in line, if it has to wait.
fn after_command(context: &Context, event: PostToolUse) -> Result<Option<String>> {
    let Some(client_id) = event.tool_response.background_task_id else { return Ok(None) };
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
    let (limits, process) = (Limits::of(&settings), client());
    let said = context.store.update(LOCK_WAIT_IN_HOOK, |transaction| {
        bind(transaction, call, &client_id, process.as_ref(), context.now)?;
        let active = &transaction.active;
        let is_it = |task: &&Task| task.session == session && task.client_id() == Some(&client_id);
        let Some(task) = active.tasks.iter().find(is_it) else { return Ok(None) };
        let line = queue_line(active, task, &limits, context.now);
        Ok(line.map(|line| (task.clone(), line)))
    })?;
    // Only what a runner has can wait: a shell that none took runs already.
    Ok(said.filter(|(task, _)| comes_to_a_runner(task)).map(|(_, line)| line))
}

/// Whether a runner has the task, or takes it within a moment: its shell may have been started just now.
fn comes_to_a_runner(task: &Task) -> bool {
    if !matches!(task.status, Status::Pending { .. }) {
        return true;
    }
    let Ok(Some(root)) = RunRoot::of(task) else { return false };
    let claimed = root.folder(&task.id).claimed();
    let deadline = Instant::now() + CLAIM_WAIT;
    while !claimed.exists() {
        if Instant::now() >= deadline {
            return false;
        }
        #[expect(
            clippy::disallowed_methods,
            reason = "no event tells of a claim, and it is a matter of milliseconds"
        )]
        std::thread::sleep(CLAIM_LOOK);
    }
    true
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
        let Some(mut task) = transaction.take(&meant.id) else { return Ok(()) };
        if !is_left_to_client(&task) {
            if let Some(asked) = &mut task.stop_asked {
                asked.progress = StopProgress::Done;
            }
            transaction.active.insert(task);
            return Ok(());
        }
        let outcome = Outcome::Cancelled { by: Canceller::Model };
        advance(transaction, task, Event::Ended(Ending::unseen(outcome, context.now)))
    })
}

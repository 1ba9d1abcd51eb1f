//! PostToolUse: joins the call to Claude Code's task, says if it is queued and if its equal runs, and delivers to a subagent what is owed to
//! it.

use std::time::{Duration, Instant};

use anyhow::Result;
use chrono::{DateTime, Utc};
use sisyphus_base::id::AgentId;
use sisyphus_hook::{BackgroundCommand, Context, PostToolUse, Reply, Tool};
use sisyphus_state::agents::Limits;
use sisyphus_state::duplicate::duplicate;
use sisyphus_state::event::Event;
use sisyphus_state::expected_admission::{expected_admission_of, slots};
use sisyphus_state::line::View;
use sisyphus_state::run::Run;
use sisyphus_state::store::{Active, LOCK_WAIT_IN_HOOK};
use sisyphus_tasks::admission::Admission;
use sisyphus_tasks::call::Join;
use sisyphus_tasks::status::{Status, Watch};
use sisyphus_tasks::task::Task;
use sisyphus_wording::{duplicate_line, launch_line, queued_on_screen};

use crate::agent::{LOCK_WAIT_FOR_AGENT, after_agent, waits, with_news};
use crate::call::{Caller, join_run, stopped_id};
use crate::deliver::{Reader, Recipient, Taken};
use crate::listens::new_addresses;
use crate::mode::mode_seen;
use crate::queue::{is_attachable, line};
use crate::stall::report_stalls;

/// How long the hook waits for the runner of a queued call. After that it says nothing of the position in the queue.
const ATTACH_WAIT: Duration = Duration::from_millis(300);
const ATTACH_CHECK: Duration = Duration::from_millis(1);

/// Handles the event.
pub fn handle(context: &Context, event: PostToolUse) -> Result<Reply> {
    let agent = match &event.conversation {
        Recipient::MainConversation => None,
        Recipient::Agent(agent) => Some(agent.clone()),
        // We can't notify it, and the main conversation must not get what is its.
        Recipient::UnknownAgent => return Ok(Reply::Silent),
    };
    let (session, recipient) = (event.session_id.clone(), event.conversation.clone());
    let peek = context.peek()?;
    // A subagent may have a narrower mode of its own.
    let narrowed = match &agent {
        None => mode_seen(&peek.active, &session, event.permission_mode),
        Some(_) => None,
    };
    let mut joined = None;
    let mut launched = None;
    let event = match event.tool_name {
        Tool::Bash | Tool::PowerShell => {
            joined = join(context, event, agent);
            joined.clone().map(|join| Event::Joined(Box::new(join)))
        }
        Tool::TaskStop => stop_confirmed(context, &peek.active, &event),
        Tool::Agent => {
            let event = after_agent(context, &peek.active, event, agent);
            if let Some(Event::AgentLaunched { id, .. }) = &event {
                launched = Some(id.clone());
            }
            event
        }
        Tool::Own | Tool::Other => None,
    };
    let events: Vec<Event> = event.into_iter().chain(narrowed).collect();
    let reader = Reader::new(&session, recipient, &peek.active).in_a_turn(&context.environment);
    let is_due = reader.is_due(&peek.active, context.now.tick);
    let addresses = new_addresses(context, &peek.active, &session, &reader.recipient);
    let has_lines = !addresses.is_empty() || reader.has_matches(&peek.active);
    let is_needed = !events.is_empty() || is_due || has_lines || peek.has_news();
    let to_say = joined.map(|join| {
        let limits = Limits::of(context.settings());
        let line = line(context, View::Room { slots: slots(&peek.active, &limits) });
        (join, limits, line)
    });
    let attendance = context.environment.attendance;
    let (taken, waiting, equal) = if is_needed {
        let wait = if launched.is_some() { LOCK_WAIT_FOR_AGENT } else { LOCK_WAIT_IN_HOOK };
        context.commit_within(wait, peek, &events, |active, now| {
            addresses.apply(active, now);
            let taken = reader.take_due(active, now);
            let waiting = to_say.as_ref().and_then(|(join, limits, line)| {
                let line = line.as_ref()?;
                let task = active.named(&session, &join.client.id, None)?;
                launch_line(active, line, task, limits, attendance)?;
                let expected = expected_admission_of(active, Some(line), &task.id, limits);
                Some((active.clone(), task.clone(), expected))
            });
            let equal = to_say.as_ref().and_then(|(join, ..)| equal_line(active, join, now.at));
            (taken, waiting, equal)
        })?
    } else {
        (Taken::default(), None, None)
    };
    // Only a command with a runner can be queued. One whose shell no runner replaced already runs.
    let waiting = waiting.filter(|(_, task, expected)| is_settled(context, task, *expected));
    let (line, on_screen) = waiting
        .zip(to_say)
        .and_then(|((active, task, _), (join, limits, _))| {
            let line = line(context, View::PositionOf(join.client.id.as_str()))?;
            let for_user = queued_on_screen(&active, &line, &task, &limits);
            Some((launch_line(&active, &line, &task, &limits, attendance), for_user))
        })
        .unwrap_or_default();
    let (waits, of_agent) = launched.and_then(|id| waits(context, &id)).unzip();
    let silent = report_stalls(context, &session, &reader.recipient);
    let reply =
        taken.render(context).with_note(silent).with_note(equal).with_note(line).with_note(waits);
    let reply = match reader.recipient {
        Recipient::MainConversation => with_news(context, &session, reply),
        Recipient::Agent(_) | Recipient::UnknownAgent => reply,
    };
    Ok(reply.on_screen(on_screen.or(of_agent)))
}

/// Joins the call to its run, if the call runs in the background.
fn join(context: &Context, event: PostToolUse, agent: Option<AgentId>) -> Option<Join> {
    let id = event.tool_response.background_task_id?;
    let command = BackgroundCommand::of(&event.tool_input)?;
    let caller = Caller {
        session: event.session_id,
        tool_use_id: event.tool_use_id,
        agent,
        cwd: event.cwd,
        tool: event.tool_name,
    };
    join_run(context, caller, command, id)
}

/// Says that an equal command runs already.
fn equal_line(active: &Active, join: &Join, now: DateTime<Utc>) -> Option<String> {
    let call = &join.announcement.call;
    let ticket = join.announcement.ticket;
    let equal = duplicate(active, &call.command, &call.cwd, ticket, now)?;
    Some(duplicate_line(equal, &call.session, now))
}

/// Whether a runner has the task, or takes it within a moment, because its shell may have just started. If the task is
/// to be queued, this also waits a moment for its entry in the queue.
fn is_settled(context: &Context, task: &Task, expected: Admission) -> bool {
    match task.status() {
        Status::Pending { .. } if is_attachable(context) => {}
        Status::Pending { .. } | Status::Running { watch: Watch::Observed, .. } => return false,
        Status::Queued { .. } | Status::Running { .. } | Status::Finished(_) => return true,
    }
    let deadline = Instant::now() + ATTACH_WAIT;
    loop {
        let Some(run) = Run::of(task, context.store.dir()) else { return false };
        let has_place = || expected == Admission::Immediate || run.is_in_line();
        let is_late = Instant::now() >= deadline;
        match run.is_attached() {
            true if is_late || has_place() => return true,
            false if is_late => return false,
            true | false => {}
        }
        #[expect(
            clippy::disallowed_methods,
            reason = "no event reports that a runner attaches, and it takes milliseconds"
        )]
        std::thread::sleep(ATTACH_CHECK);
    }
}

/// Records the stop of a task that only Claude Code watches. No notice reports it.
fn stop_confirmed(context: &Context, active: &Active, event: &PostToolUse) -> Option<Event> {
    let (session, client_id) = (event.session_id.clone(), stopped_id(&event.tool_input)?);
    active.named(&session, &client_id, None)?;
    Some(Event::StopConfirmed { session, client_id, at: context.now.at })
}

//! Stop: the turn is over. Calls that never ran are forgotten, runs that no answer named find their call, and a result
//! that the client has not announced within its time is delivered here.

use std::path::PathBuf;

use anyhow::Result;
use sisyphus_base::machine::Machine;
use sisyphus_core::agents::{is_unanswered_in, live_agents};
use sisyphus_core::announced::Announced;
use sisyphus_core::event::Event;
use sisyphus_core::id::{ClientTaskId, TaskId};
use sisyphus_core::run::{Run, runs_of};
use sisyphus_core::store::Active;
use sisyphus_hook::{Context, Reply, Stop};
use sisyphus_process::client;
use sisyphus_tasks::call::Join;
use sisyphus_tasks::run::{Attached, RunState};
use sisyphus_tasks::task::{AgentLife, Task};

use crate::agent::{settle, with_turns};
use crate::deliver::{Reader, Recipient, Taken};
use crate::prompt_fates::PromptFates;

/// Handles the event.
pub fn handle(context: &Context, event: Stop) -> Result<Reply> {
    let session = &event.session_id;
    let peek = context.peek()?;
    let fates = PromptFates::read(context, &peek.active, session, event.transcript_path.as_deref());
    let listed = event.background_tasks.as_deref();
    let mut events = adopt(context, &peek.active, &event);
    forget_announced(context, &event);
    let is_unanswered = |task: &Task| is_unanswered_in(task, session);
    if is_unlisted_news(&peek.active, listed) || peek.active.live().any(is_unanswered) {
        let client = client();
        let listed = event.background_tasks.clone();
        events.push(Event::TurnEnded { session: session.clone(), listed, client });
    }
    let reader = Reader::new(session, Recipient::MainConversation);
    let is_needed = !events.is_empty()
        || !fates.is_empty()
        || reader.is_overdue(&peek.active, context.now.tick)
        || peek.has_news();
    let taken = if is_needed {
        context.commit(peek, &events, |active, now| {
            fates.apply(active, now);
            // The conversation goes on already because of a hook: once is enough, the next prompt brings the rest.
            if event.stop_hook_active { Taken::default() } else { reader.take_overdue(active, now) }
        })?
    } else {
        Taken::default()
    };
    if event.stop_hook_active {
        settle(context, context.now);
        return Ok(Reply::Silent);
    }
    Ok(with_turns(context, session, taken.render(context)))
}

/// Whether the client's list may say something of a task that only the client sees.
fn is_unlisted_news(active: &Active, listed: Option<&[ClientTaskId]>) -> bool {
    let Some(listed) = listed else { return false };
    let is_missing = |task: &Task| task.client_id().is_some_and(|id| !listed.contains(id));
    let is_held_back = |task: &Task| {
        task.agent.is_some() && task.agent_life == AgentLife::Lives && task.delivery().is_open()
    };
    active.live().any(|task| is_missing(task) || task.unlisted > 0)
        || active.tasks.iter().any(is_held_back)
}

/// Forgets the calls of the main conversation that never ran: denied, or answered by another hook. A call of a subagent
/// may still be on its way while the main conversation stops.
fn forget_announced(context: &Context, event: &Stop) {
    let announced = Announced::of(context.store.dir(), &event.session_id);
    for announcement in announced.list().unwrap_or_default() {
        if let (None, Some(call)) = (&announcement.call.agent, &announcement.call.tool_use_id) {
            announced.remove(call);
        }
    }
    announced.forget_overdue(context.now.at.into(), |id| {
        Run::outside(context.store.dir(), &event.session_id, id).is_attached()
    });
}

/// Finds the call of each run whose PostToolUse is missing. A run that the client lists, or whose output file is there
/// after the turn, is of a background command; the client removes that of a foreground one with its answer. A runner that
/// lives reads of it in its run's folder: before the announcements go, or it would let its command go.
fn adopt(context: &Context, active: &Active, event: &Stop) -> Vec<Event> {
    let state = context.store.dir();
    let (session, listed) = (&event.session_id, event.background_tasks.as_deref());
    // A subagent that lives may be in the middle of a foreground command.
    let may_be_foreground = live_agents(active).any(|agent| &agent.session == session);
    let mut found = Vec::new();
    for (id, run) in runs_of(state, session) {
        if active.named(session, &id, None).is_some() {
            continue;
        }
        let join = run.joined().or_else(|| {
            let Attached { client_file, mut announcement } = run.attachment()?;
            let is_listed = listed.is_some_and(|listed| listed.contains(&id));
            if !is_listed && !has_output(&run, client_file, may_be_foreground) {
                return None;
            }
            // Which of several equal calls it is, nothing says.
            announcement.task = TaskId::random();
            announcement.call.tool_use_id = None;
            let join = Join::new(announcement, id, client(), Machine::here());
            if let Err(error) = run.join(&join) {
                context.log("Stop", &error);
            }
            Some(join)
        });
        match join {
            Some(join) if !is_retired(context, &join) => found.push(Event::Joined(Box::new(join))),
            // A foreground command of the same words, or one whose record was written already.
            Some(_) => remove_if_over(&run),
            None => remove_if_over(&run),
        }
    }
    found
}

/// Whether the client's output file is there after the answer to the call.
fn has_output(run: &Run, client_file: Option<PathBuf>, may_be_foreground: bool) -> bool {
    let file = match run.probe() {
        RunState::Ended(result) => result.client_file,
        RunState::Attached | RunState::Queued(_) | RunState::Started(_) => {
            client_file.filter(|_| !may_be_foreground)
        }
        RunState::Missing | RunState::Gone => None,
    };
    file.is_some_and(|path| path.symlink_metadata().is_ok())
}

fn is_retired(context: &Context, join: &Join) -> bool {
    let session = &join.announcement.call.session;
    context.store.find_retired(session, &join.client.id).is_some()
}

fn remove_if_over(run: &Run) {
    match run.probe() {
        RunState::Ended(_) | RunState::Gone => run.remove(),
        RunState::Missing | RunState::Attached | RunState::Queued(_) | RunState::Started(_) => {}
    }
}

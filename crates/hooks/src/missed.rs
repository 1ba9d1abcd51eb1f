//! What killed hooks did not report of a session, as the transcript and the runs show it.

use std::path::PathBuf;

use chrono::{DateTime, Utc};
use sisyphus_base::id::{ClientTaskId, TaskId};
use sisyphus_base::machine::Machine;
use sisyphus_hook::{AnsweredCall, Context, Notification, Stop, Transcript};
use sisyphus_process::client;
use sisyphus_settings::Switch;
use sisyphus_state::agents::live_agents;
use sisyphus_state::event::Event;
use sisyphus_state::run::{Run, runs_of};
use sisyphus_state::store::Active;
use sisyphus_tasks::call::Join;
use sisyphus_tasks::run::{Attached, RunState};
use sisyphus_tasks::status::{Status, Watch};
use sisyphus_tasks::task::Task;

use crate::call::{Caller, join_run};
use crate::fates::WRITTEN;
use crate::notice::completion;

/// What was missed.
#[derive(Debug, Default)]
pub(crate) struct Missed {
    pub(crate) events: Vec<Event>,
    /// Up to when the transcript was searched for calls; `None` if it was not, or if nothing depends on that.
    pub(crate) searched_until: Option<DateTime<Utc>>,
}

/// Finds what was missed before the turn ended.
pub(crate) fn missed(context: &Context, active: &Active, event: &Stop) -> Missed {
    let session = &event.session_id;
    let path = event.transcript_path.as_deref().filter(|_| active.may_miss_calls(session));
    let transcript =
        path.and_then(|path| context.logged("transcript", Transcript::read_end(path)).flatten());
    let mut calls = transcript.as_ref().map_or_else(Vec::new, |transcript| {
        transcript.background_calls(|run, call, at| active.misses(session, run, call, at))
    });
    let has_calls = !calls.is_empty();
    // The book goes by the clock, which may have been set since.
    calls.retain(|call| context.store.find_retired(session, &call.client_id).is_none());
    // Switched off, nothing new is recorded, nor is it when the plugin is switched on again.
    if !calls.is_empty() && context.settings().execution == Switch::Off {
        calls.clear();
    }
    let notices = transcript
        .as_ref()
        .map_or_else(Vec::new, |transcript| missed_notices(transcript, active, event, &calls));
    let mut events = Vec::new();
    for call in &calls {
        let caller = Caller {
            session: session.clone(),
            tool_use_id: call.tool_use_id.clone(),
            agent: None,
            cwd: call.cwd.clone(),
            tool: call.tool,
        };
        let join = join_run(context, caller, call.command.clone(), call.client_id.clone());
        events.extend(join.map(|join| Event::Joined(Box::new(join))));
    }
    // After the calls, so that their runs are named.
    let complete = |notice: &Notification| completion(context, active, session, &event.cwd, notice);
    events.extend(notices.iter().map(complete));
    // The same client may have left the conversation and come back: what it lists runs.
    let is_listed = |id| event.background_tasks.as_ref().is_some_and(|listed| listed.contains(id));
    let of_former = calls.iter().filter(|it| {
        active.is_of_former_client(session, it.answered_at) && !is_listed(&it.client_id)
    });
    events.extend(of_former.map(|call| Event::ClientGone {
        session: session.clone(),
        client_id: call.client_id.clone(),
    }));
    let is_named = |run: &ClientTaskId| {
        active.named(session, run, None).is_some() || calls.iter().any(|it| &it.client_id == run)
    };
    events.extend(adopt(context, event, active, is_named));
    let until = context.now.at - WRITTEN;
    let is_news = has_calls || !events.is_empty() || active.has_calls_to_settle(session, until);
    Missed { events, searched_until: transcript.filter(|_| is_news).map(|_| until) }
}

/// The notices of the missed calls, and of the commands that only Claude Code watched and no longer lists.
fn missed_notices(
    transcript: &Transcript,
    active: &Active,
    event: &Stop,
    calls: &[AnsweredCall],
) -> Vec<Notification> {
    let is_unlisted = |task: &Task| {
        let observed = matches!(task.status(), Status::Running { watch: Watch::Observed, .. });
        let listed = event.background_tasks.as_ref();
        let id = task.client_id().filter(|_| observed && task.session == event.session_id);
        id.is_some_and(|id| listed.is_some_and(|listed| !listed.contains(id)))
    };
    let unlisted: Vec<&ClientTaskId> =
        active.live().filter(|task| is_unlisted(task)).filter_map(Task::client_id).collect();
    if calls.is_empty() && unlisted.is_empty() {
        return Vec::new();
    }
    let mut notices = transcript.notices();
    notices.retain(|notice| {
        let run = &notice.client_id;
        unlisted.contains(&run) || calls.iter().any(|call| &call.client_id == run)
    });
    notices
}

/// Finds the call of each run that no record and no transcript names. A run belongs to a background command if Claude
/// Code lists it, or if its output file exists after the turn: Claude Code removes the file of a foreground command
/// with its answer. A live runner reads the call in its run's folder. This happens before the announcements are
/// removed, or the runner would release its command.
fn adopt(
    context: &Context,
    event: &Stop,
    active: &Active,
    is_named: impl Fn(&ClientTaskId) -> bool,
) -> Vec<Event> {
    let state = context.store.dir();
    let (session, listed) = (&event.session_id, event.background_tasks.as_deref());
    // A live subagent may be running a foreground command.
    let may_be_foreground = live_agents(active).any(|agent| &agent.session == session);
    let mut found = Vec::new();
    for (id, run) in runs_of(state, session) {
        if is_named(&id) {
            continue;
        }
        let join = run.joined().or_else(|| {
            let Attached { client_file, mut announcement } = run.attachment()?;
            let is_listed = listed.is_some_and(|listed| listed.contains(&id));
            if !is_listed && !has_output(&run, client_file, may_be_foreground) {
                return None;
            }
            // Nothing says which of several equal calls it is.
            announcement.task = TaskId::random();
            announcement.call.tool_use_id = None;
            let join = Join::new(announcement, id, client(), Machine::here());
            context.logged("Stop", run.join(&join));
            Some(join)
        });
        match join {
            Some(join) if context.store.find_retired(session, &join.client.id).is_none() => {
                found.push(Event::Joined(Box::new(join)));
            }
            // A foreground command with the same text, or a command whose record was written already.
            Some(_) | None => remove_if_over(&run),
        }
    }
    found
}

/// Whether Claude Code's output file still exists after the answer to the call.
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

fn remove_if_over(run: &Run) {
    match run.probe() {
        RunState::Ended(_) | RunState::Gone => run.remove(),
        RunState::Missing | RunState::Attached | RunState::Queued(_) | RunState::Started(_) => {}
    }
}

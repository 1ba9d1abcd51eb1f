//! When each hook event last fired, as far as its work leaves a trace. Nothing is recorded for this check alone: an
//! event that had nothing to do leaves no trace, and that is no fault.

use std::fs::Metadata;
use std::path::Path;

use chrono::{DateTime, Utc};
use sisyphus_tasks::outcome::{Canceller, duration};
use sisyphus_tasks::task::Task;

use super::context::{DoctorContext, json_files};
use super::finding::Finding;

/// An event, or several that leave the same trace; when they leave it; the time of the newest.
type Trace = (&'static str, &'static str, Option<DateTime<Utc>>);

pub(super) fn check(context: &DoctorContext) -> Vec<Finding> {
    let none = if context.state().root().exists() {
        "no hook has left a trace"
    } else {
        "no hook has fired yet"
    };
    let traces = traces(context);
    if traces.iter().all(|(_, _, at)| at.is_none()) {
        return vec![Finding::note(
            none,
            "start a session of Claude Code; if nothing changes, see the findings about the plugin above",
        )];
    }
    traces.iter().map(|trace| tell(*trace, context.now)).collect()
}

fn tell((event, by, at): Trace, now: DateTime<Utc>) -> Finding {
    let Some(at) = at else {
        return Finding::fine(format!("{event}: no trace (it leaves one when {by})"));
    };
    let ago = u64::try_from((now - at).num_milliseconds()).unwrap_or_default();
    Finding::fine(format!("{event}: {} ago ({by})", duration(ago))).at(at)
}

fn traces(context: &DoctorContext) -> [Trace; 6] {
    let state = context.state();
    let tasks: Vec<Task> = context.active().into_iter().chain(context.ended()).collect();
    let newest = |of: fn(&Task) -> Option<DateTime<Utc>>| tasks.iter().filter_map(of).max();
    let (sessions, waiters) = (newest_file(&state.sessions_dir()), newest_file(&state.wake_dir()));
    [
        ("SessionStart", "a session is first seen", sessions),
        ("PreToolUse", "a background command is asked for", newest(announced)),
        ("PostToolUse", "a background command runs that has not ended", newest(bound)),
        ("UserPromptSubmit, Stop or SessionStart", "a result is delivered", newest(delivered)),
        ("Stop", "a turn ends while something runs", waiters),
        ("SessionEnd", "a session ends while something runs", newest(ended_with_session)),
    ]
}

/// When a task was announced, or soon after.
fn announced(task: &Task) -> Option<DateTime<Utc>> {
    // A task that is known only from its notice was never announced.
    task.client_tmp.as_ref()?;
    task.status().since().or_else(|| task.status().ending()?.started_at)
}

/// When a live task began that Claude Code has named. An ended task may have got its name from its notice.
fn bound(task: &Task) -> Option<DateTime<Utc>> {
    task.status().since().filter(|_| task.is_confirmed() && !task.is_started_by_us())
}

fn ended_with_session(task: &Task) -> Option<DateTime<Utc>> {
    task.stop_request.filter(|asked| asked.by == Canceller::SessionEnd).map(|asked| asked.at)
}

/// When a task finished whose result was delivered. No hook delivers the result of a person's own command.
fn delivered(task: &Task) -> Option<DateTime<Utc>> {
    if task.from_terminal.is_some() {
        return None;
    }
    let ending = task.status().ending()?;
    task.delivery().has_reached(task.revision()).then_some(ending.ended_at)
}

/// When the newest JSON file of a folder was written.
fn newest_file(folder: &Path) -> Option<DateTime<Utc>> {
    let files = json_files(folder).filter_map(|path| path.symlink_metadata().ok());
    let written = files.filter(Metadata::is_file).filter_map(|file| file.modified().ok());
    written.max().map(DateTime::from)
}

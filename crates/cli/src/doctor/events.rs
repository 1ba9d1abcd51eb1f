//! When each hook event last fired, as far as its work leaves a trace. Nothing is recorded for this check alone: an
//! event that had nothing to do leaves no trace, and that is no fault.

use std::fs;
use std::path::Path;

use chrono::{DateTime, Utc};
use sisyphus_tasks::outcome::Canceller;
use sisyphus_tasks::outcome::duration;
use sisyphus_tasks::status::Status;
use sisyphus_tasks::task::Task;

use super::context::DoctorContext;
use super::finding::Finding;

/// How many files of a folder are read.
const LOOKED_AT: usize = 2_000;

/// An event, or several that leave the same trace, with the time of that trace.
struct Trace {
    event: &'static str,
    by: &'static str,
    at: Option<DateTime<Utc>>,
}

pub(super) fn check(context: &DoctorContext) -> Vec<Finding> {
    if !context.state().root().exists() {
        return vec![Finding::note(
            "no hook has fired yet",
            "start a session of Claude Code; if nothing changes, see the findings about the plugin above",
        )];
    }
    let traces = traces(context);
    if traces.iter().all(|trace| trace.at.is_none()) {
        return vec![Finding::note(
            "no hook has left a trace",
            "start a session of Claude Code; if nothing changes, see the findings about the plugin above",
        )];
    }
    traces.iter().map(|trace| tell(trace, context.now)).collect()
}

fn tell(trace: &Trace, now: DateTime<Utc>) -> Finding {
    let Trace { event, by, at } = trace;
    let Some(at) = *at else {
        return Finding::fine(format!("{event}: no trace (it leaves one when {by})"));
    };
    let ago = u64::try_from((now - at).num_milliseconds()).unwrap_or_default();
    let mut finding = Finding::fine(format!("{event}: {} ago ({by})", duration(ago)));
    finding.at = Some(at);
    finding
}

fn traces(context: &DoctorContext) -> Vec<Trace> {
    let state = context.state();
    let tasks: Vec<Task> = context.active().into_iter().chain(context.ended()).collect();
    let newest = |of: fn(&Task) -> Option<DateTime<Utc>>| tasks.iter().filter_map(of).max();
    vec![
        Trace {
            event: "SessionStart",
            by: "a session is first seen",
            at: newest_file(&state.sessions_dir(), ".json"),
        },
        Trace {
            event: "PreToolUse",
            by: "a background command is announced",
            at: newest(announced),
        },
        Trace {
            event: "PostToolUse",
            by: "a background command runs that has not ended",
            at: newest(bound),
        },
        Trace {
            event: "UserPromptSubmit, Stop or SessionStart",
            by: "a result is delivered",
            at: newest(delivered),
        },
        Trace {
            event: "Stop",
            by: "a turn ends while something runs",
            at: newest_file(&state.wake_dir(), ".json"),
        },
        Trace {
            event: "SessionEnd",
            by: "a session ends while something runs",
            at: newest(ended_with_session),
        },
    ]
}

/// When a task was announced, or soon after.
fn announced(task: &Task) -> Option<DateTime<Utc>> {
    // A task that is known only from its notice was never announced.
    task.client_tmp.as_ref()?;
    match task.status() {
        Status::Pending { announced_at: at }
        | Status::Queued { queued_at: at }
        | Status::Running { started_at: at, .. } => Some(*at),
        Status::Finished(ending) => ending.started_at,
    }
}

/// When a live task began that Claude Code has named. An ended task may have got its name from its notice.
fn bound(task: &Task) -> Option<DateTime<Utc>> {
    let by_client = task.is_confirmed();
    match task.status() {
        Status::Pending { announced_at: at }
        | Status::Queued { queued_at: at }
        | Status::Running { started_at: at, .. }
            if by_client =>
        {
            Some(*at)
        }
        Status::Pending { .. }
        | Status::Queued { .. }
        | Status::Running { .. }
        | Status::Finished(_) => None,
    }
}

fn ended_with_session(task: &Task) -> Option<DateTime<Utc>> {
    task.stop_request.filter(|asked| asked.by == Canceller::SessionEnd).map(|asked| asked.at)
}

/// When a task finished whose result was delivered.
fn delivered(task: &Task) -> Option<DateTime<Utc>> {
    match task.status() {
        Status::Finished(ending) if task.delivery().has_reached(task.revision()) => {
            Some(ending.ended_at)
        }
        Status::Finished(_)
        | Status::Pending { .. }
        | Status::Queued { .. }
        | Status::Running { .. } => None,
    }
}

/// When the newest of these files was written.
fn newest_file(folder: &Path, suffix: &str) -> Option<DateTime<Utc>> {
    let entries = fs::read_dir(folder).ok()?.flatten().take(LOOKED_AT);
    let meant = entries.filter(|entry| entry.file_name().to_string_lossy().ends_with(suffix));
    let files = meant.filter_map(|entry| entry.metadata().ok().filter(fs::Metadata::is_file));
    files.filter_map(|file| file.modified().ok()).max().map(DateTime::from)
}

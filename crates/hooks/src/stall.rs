//! Reports commands that print nothing for longer than the user allows.

use std::path::Path;

use anyhow::Result;
use chrono::{DateTime, Duration, Utc};
use sisyphus_base::id::{SessionId, TaskId};
use sisyphus_base::paths::StateDir;
use sisyphus_hook::Context;
use sisyphus_state::output::Source;
use sisyphus_state::store::LOCK_WAIT_IN_HOOK;
use sisyphus_tasks::status::Status;
use sisyphus_tasks::task::{Kind, Task};
use sisyphus_wording::stall_line;

use crate::deliver::Recipient;

/// How many stalled commands one text names. The next event names the others.
const AT_ONCE: usize = 3;

/// Reports the stalled commands of the session, each once.
pub(crate) fn report_stalls(
    context: &Context,
    session: &SessionId,
    to: &Recipient,
) -> Option<String> {
    let mut silent = context.logged("silence", candidates(context, session, to))?;
    silent.retain(|it| it.overdue_at <= context.now.at);
    if silent.is_empty() {
        return None;
    }
    let told = context.store.update(&context.world(), LOCK_WAIT_IN_HOOK, |active, now| {
        let mut lines = Vec::new();
        for task in &mut active.tasks {
            let found = silent.iter().find(|it| it.task == task.id);
            // Another hook may have reported it since.
            if lines.len() == AT_ONCE {
                break;
            }
            if let Some(found) = found.filter(|_| task.stall_reported_at.is_none()) {
                task.stall_reported_at = Some(now.at);
                lines.push(stall_line(task, found.since, now.at));
            }
        }
        lines
    });
    let told = context.logged("silence", told)?;
    (!told.is_empty()).then(|| told.join("\n"))
}

/// When the next command of the session counts as stalled.
pub(crate) fn next_stall(context: &Context, session: &SessionId) -> Result<Option<DateTime<Utc>>> {
    let found = candidates(context, session, &Recipient::MainConversation)?;
    Ok(found.into_iter().map(|it| it.overdue_at).min())
}

/// A command that prints nothing, since when, and when it counts as stalled.
struct Silent {
    task: TaskId,
    since: DateTime<Utc>,
    overdue_at: DateTime<Utc>,
}

/// Each command that may be reported.
fn candidates(context: &Context, session: &SessionId, to: &Recipient) -> Result<Vec<Silent>> {
    let (state, client_tmp) = (context.store.dir(), context.client_tmp());
    let active = context.store.read_active()?;
    let is_meant = |task: &&Task| &task.session == session && task.is_for(to);
    let mut meant = active.tasks.iter().filter(is_meant).peekable();
    // In most sessions nothing runs, and no settings are read.
    if meant.peek().is_none() {
        return Ok(Vec::new());
    }
    let Some(limit) = context.settings().stale_ms.and_then(|ms| i64::try_from(ms).ok()) else {
        return Ok(Vec::new());
    };
    let silent = meant.filter_map(|task| {
        let since = idle_since(task, state, client_tmp)?;
        let overdue_at = since + Duration::milliseconds(limit);
        Some(Silent { task: task.id.clone(), since, overdue_at })
    });
    Ok(silent.collect())
}

/// Since when a running command has printed nothing; `None` for a service, for a task that does not run, and for one
/// that was reported already.
fn idle_since(task: &Task, state: &StateDir, client_tmp: &Path) -> Option<DateTime<Utc>> {
    let Status::Running { started_at, .. } = task.status() else { return None };
    // Claude Code's file of an agent is a transcript, and what the agent does is not our concern.
    if task.kind != Kind::Command || task.stall_reported_at.is_some() || !task.is_confirmed() {
        return None;
    }
    let written = Source::open(task, state, client_tmp)?.written_at().ok()?;
    // Claude Code creates the file before the command starts. A queued command may start much later.
    Some(DateTime::<Utc>::from(written).max(*started_at))
}

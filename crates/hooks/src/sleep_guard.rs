//! Denies a foreground command that only sleeps while background tasks of its caller are live. The caller is notified
//! when they finish, and can't be while it sleeps.
//!
//! In doubt the command runs.

use anyhow::Result;
use chrono::{DateTime, Duration, Utc};
use serde_json::Value;
use sisyphus_hook::{Context, PreToolUse, Reply};
use sisyphus_settings::Switch;
use sisyphus_tasks::classify_exit::CLIENT_LIMIT_MS;
use sisyphus_tasks::status::{Status, Watch};
use sisyphus_tasks::task::{Kind, Task};
use sisyphus_wording::sleep_refused;

use crate::bare_sleep::sleeps_for;

/// How long a caller may sleep, in seconds: a task that was just started may need a moment. Claude Code shows a denial in
/// red, which a short pause is not worth.
const LET_THROUGH: f64 = 10.0;

/// Answers a Bash call that does not ask for the background.
pub(crate) fn refuse_sleep(context: &Context, event: &PreToolUse) -> Result<Reply> {
    // Nothing is read for any other call, because these are most of a session's calls.
    if !asks_for_sleep(event) {
        return Ok(Reply::Silent);
    }
    let settings = context.settings();
    if settings.execution == Switch::Off || settings.sleep_guard == Switch::Off {
        return Ok(Reply::Silent);
    }
    let peek = context.peek()?;
    if peek.has_news() {
        context.commit(peek, &[], |_, _| ())?;
    }
    let active = context.store.read_active()?;
    let is_meant = |task: &&Task| {
        task.session == event.session_id
            && task.is_for(&event.conversation)
            && will_be_told(task, context.now.at)
    };
    let live: Vec<&Task> = active.tasks.iter().filter(is_meant).collect();
    if live.is_empty() {
        return Ok(Reply::Silent);
    }
    Ok(Reply::Deny { reason: sleep_refused(&live, context.now.at) })
}

fn asks_for_sleep(event: &PreToolUse) -> bool {
    // Claude Code may read some other value as the background.
    let background = event.tool_input.get("run_in_background");
    let command = event.tool_input.get("command").and_then(Value::as_str);
    matches!(background, None | Some(Value::Bool(false)))
        && command.and_then(sleeps_for).is_some_and(|seconds| seconds > LET_THROUGH)
}

/// Whether the task is live, as far as can be known, and finishes by itself, and its result will be delivered.
fn will_be_told(task: &Task, now: DateTime<Utc>) -> bool {
    // A caller that stopped a task is not notified of it, and may wait for it a moment. For a service, the caller waits
    // until it has started, not until it finishes.
    let is_stopped = task.stop_requested_by(now).is_some();
    if !task.is_confirmed() || is_stopped || task.kind == Kind::Service {
        return false;
    }
    match task.status() {
        Status::Pending { .. }
        | Status::Queued { .. }
        | Status::Running { watch: Watch::Supervised, .. } => true,
        // If Claude Code was killed since, its result may be unknown.
        Status::Running { watch: Watch::Observed, .. } if task.kind == Kind::Agent => {
            task.unlisted == 0
        }
        Status::Running { started_at, watch: Watch::Observed } => {
            let limit = task.client_limit_ms.unwrap_or(CLIENT_LIMIT_MS);
            let limit = Duration::milliseconds(i64::try_from(limit).unwrap_or(i64::MAX));
            task.unlisted == 0 && now - *started_at < limit
        }
        Status::Finished(_) => false,
    }
}

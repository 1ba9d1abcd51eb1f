//! Denies a foreground command that does nothing but sleep while background tasks of whoever calls it are live: their ends
//! are told anyway, and until the sleep is over nobody could be told.
//!
//! Any doubt lets the command run.

use anyhow::Result;
use chrono::{DateTime, Duration, Utc};
use serde_json::Value;
use sisyphus_hook::{Context, PreToolUse, Reply};
use sisyphus_settings::{Execution, Switch};
use sisyphus_tasks::classify_exit::CLIENT_LIMIT_MS;
use sisyphus_tasks::status::{Status, Watch};
use sisyphus_tasks::task::{Kind, Task};
use sisyphus_wording::sleep_refused;

use crate::bare_sleep::sleeps_for;
use crate::deliver::Recipient;

/// How long anybody may sleep, in seconds: what has just been started may need a moment.
const LET_THROUGH: f64 = 2.0;

/// Answers a Bash call that does not ask for the background.
pub(crate) fn refuse_sleep(context: &Context, event: &PreToolUse) -> Result<Reply> {
    // Nothing is read for any other call: these are most of a session's.
    if !asks_for_sleep(event) {
        return Ok(Reply::Silent);
    }
    let settings = context.settings();
    if settings.execution == Execution::Off || settings.sleep_guard == Switch::Off {
        return Ok(Reply::Silent);
    }
    let caller = match &event.agent_id {
        Some(agent) => Recipient::Agent(agent.clone()),
        None => Recipient::MainConversation,
    };
    let peek = context.peek()?;
    if peek.has_news() {
        context.commit(peek, &[], |_, _| ())?;
    }
    let active = context.store.read_active()?;
    let is_meant = |task: &&Task| {
        task.session == event.session_id && caller.is_of(task) && will_be_told(task, context.now.at)
    };
    let live: Vec<&Task> = active.tasks.iter().filter(is_meant).collect();
    let refusal = sleep_refused(&live, context.now.at);
    Ok(refusal.map_or(Reply::Silent, |reason| Reply::Deny { reason }))
}

fn asks_for_sleep(event: &PreToolUse) -> bool {
    // Some other value may mean the background to the client.
    let background = event.tool_input.get("run_in_background");
    let command = event.tool_input.get("command").and_then(Value::as_str);
    matches!(background, None | Some(Value::Bool(false)))
        && command.and_then(sleeps_for).is_some_and(|seconds| seconds > LET_THROUGH)
}

/// Whether the task is live, as far as can be known, and its end comes by itself and is told.
fn will_be_told(task: &Task, now: DateTime<Utc>) -> bool {
    // Who asked for an end is not told of it, and may wait a moment for it.
    if !task.is_confirmed() || task.stop_requested_by(now).is_some() {
        return false;
    }
    match task.kind {
        Kind::Command | Kind::Agent => {}
        // A server has no end to wait for, but a start.
        Kind::Service => return false,
    }
    match task.status() {
        Status::Pending { .. } | Status::Queued { .. } => true,
        Status::Running { watch: Watch::Supervised, .. } => true,
        // Nobody may have seen its end, if the client was killed meanwhile.
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

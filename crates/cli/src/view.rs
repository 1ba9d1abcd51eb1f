//! The shape of a task in `--json`: one flat object.

use std::path::PathBuf;

use serde_json::{Value, json};
use sisyphus_base::environment::Environment;
use sisyphus_base::paths::{StateDir, client_tmp_dir};
use sisyphus_state::output::live_output_file;
use sisyphus_state::reach::place_out_of_reach;
use sisyphus_state::run::memory_limit;
use sisyphus_tasks::agent_call::AgentCall;
use sisyphus_tasks::code_zero::CodeZero;
use sisyphus_tasks::from_terminal::FromTerminal;
use sisyphus_tasks::memory_limit::{Force, MemoryLimit};
use sisyphus_tasks::outcome::Outcome;
use sisyphus_tasks::status::{Ending, Status};
use sisyphus_tasks::task::Task;

use crate::session;

/// Several tasks.
pub(crate) fn views<'a>(tasks: impl IntoIterator<Item = &'a Task>, state: &StateDir) -> Vec<Value> {
    tasks.into_iter().map(|task| view(task, state)).collect()
}

/// One task.
pub(crate) fn view(task: &Task, state: &StateDir) -> Value {
    let agent = task.launched.as_ref();
    let ending = task.status().ending();
    let usage = ending.and_then(|it| it.usage);
    let (started_at, watch) = match task.status() {
        Status::Pending { .. } | Status::Queued { .. } => (None, None),
        Status::Running { started_at, watch } => (Some(*started_at), Some(*watch)),
        Status::Finished(ending) => (ending.started_at, None),
    };
    let output = output_file(task, state);
    let mut view = json!({
        "id": task.id,
        "status": task.status().word(),
        "exit_code": ending.and_then(|it| it.exit_code(task.kind)),
        "exit_code_of": task.code_zero().map(code_of),
        "signal": null,
        "oom_kill": ending.and_then(Ending::oom_kill),
        "by": null,
        "lost_because": null,
        "skipped": null,
        "failed_because": null,
        "kind": task.kind,
        "group": task.group,
        "survival": task.survival,
        "left_at": task.left_at,
        "delegated": session::view(task, state),
        "from_terminal": task.from_terminal.as_deref().map(from_terminal),
        "agent_type": agent.map(|it| &it.agent_type),
        "model": agent.and_then(AgentCall::model),
        "out_of_reach": place_out_of_reach(task),
        "watch": watch,
        "session": task.session,
        "client_id": task.client_id(),
        "agent": task.agent,
        "cwd": task.cwd.to_string_lossy(),
        "command": task.command,
        "description": task.description,
        "limit_ms": task.limit_ms,
        "memory_limit": memory_limit(task, state).map(limit_of_memory),
        "started_at": started_at,
        "ended_at": ending.map(|it| it.ended_at),
        "duration_ms": task.ran_ms(),
        "waited_ms": task.waited_ms(),
        "cpu_ms": usage.map(|it| it.cpu_ms),
        "largest_process_bytes": usage.map(|it| it.largest_process_bytes),
        "output_bytes": task.output.as_ref().map(|it| it.bytes),
        "output_dropped_bytes": task.output.as_ref().map(|it| it.dropped),
        "output_file": output.as_ref().map(|path| path.to_string_lossy()),
    });
    match ending.map(|it| &it.outcome) {
        Some(Outcome::Killed { signal }) => view["signal"] = json!(signal),
        Some(Outcome::TimedOut { limit_ms: Some(limit) }) => view["limit_ms"] = json!(limit),
        Some(Outcome::Cancelled { by }) => view["by"] = json!(by),
        Some(Outcome::Lost { why }) => view["lost_because"] = json!(why),
        Some(Outcome::Skipped { after, because }) => {
            view["skipped"] = json!({ "after": after, "because": because });
        }
        Some(Outcome::AgentFailed { why }) => view["failed_because"] = json!(why),
        None
        | Some(
            Outcome::Completed
            | Outcome::Failed { .. }
            | Outcome::TimedOut { limit_ms: None }
            | Outcome::Unknown,
        ) => {}
    }
    view
}

/// The kept output, or the file that a running task writes to.
fn output_file(task: &Task, state: &StateDir) -> Option<PathBuf> {
    let kept = state.output(&task.id);
    if kept.exists() {
        return Some(kept);
    }
    live_output_file(task, state, &client_tmp_dir(&Environment::read()))
}

/// The user's memory limit, and whether it is in force.
fn limit_of_memory(limit: MemoryLimit) -> Value {
    let (in_force, because) = match limit.force {
        Some(Force::InForce) => (Some(true), None),
        Some(Force::Not(lack)) => (Some(false), Some(lack)),
        None => (None, None),
    };
    json!({ "mb": limit.mb, "in_force": in_force, "because": because })
}

/// What is known about a person's command.
fn from_terminal(known: &FromTerminal) -> Value {
    let after = known.after.iter().map(|it| json!({ "task": it.task, "needs": it.needs }));
    json!({ "output": known.place, "after": after.collect::<Vec<_>>() })
}

/// Whose exit code 0 it is.
fn code_of(zero: &CodeZero) -> Value {
    json!({ "program": zero.program, "place": zero.place })
}

//! What a task is, and what it printed or said, as `background_output` quotes it.

use sisyphus_state::output::Window;
use sisyphus_tasks::task::{Kind, Task};
use sisyphus_wording::command_line;

/// The line that says what the task is.
pub(super) fn asked(task: &Task) -> String {
    match &task.launched {
        Some(call) => format!("agent: {}", call.agent_type),
        None => format!("command: {}", command_line(&task.command)),
    }
}

/// The output, or an agent's last message, each line marked as a quotation. `bytes` is how much there is in all.
pub(super) fn quoted(task: &Task, bytes: u64, window: &Window) -> String {
    let (name, whose) = match task.kind {
        Kind::Agent => ("last message", "the agent's"),
        Kind::Command | Kind::Service | Kind::Session => ("output", "the task's"),
    };
    let Window { from, next, end, .. } = window;
    if window.lines.is_empty() {
        let none = if bytes == 0 { "none" } else { "nothing new" };
        return format!("{name}: {none} (next: since={next})\n");
    }
    let lines: String = window.lines.iter().map(|line| format!("| {line}\n")).collect();
    let more = if window.reaches_end() { "" } else { ", more is there" };
    format!(
        "{name} (bytes {from} to {next} of {end}; each line after \"| \" is {whose}):\n{lines}next: since={next}{more}\n"
    )
}

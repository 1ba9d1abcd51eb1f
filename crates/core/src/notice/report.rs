//! What is said of one ended task.

use super::measure::length;
use super::output_file::OutputFile;
use super::quote::quote;
use crate::outcome::Outcome;
use crate::output::{Purpose, clean_line, one_line};
use crate::paths::StateDir;
use crate::status::{Ending, Status};
use crate::task::Task;

/// Most characters that are said of one task.
const TASK_MAX: usize = 2_000;
/// Most characters of a command that are repeated.
const COMMAND_MAX: usize = 200;
/// Most characters of a description that are repeated.
const DESCRIPTION_MAX: usize = 120;

/// Says how a task ended and shows the output worth reading. Empty for a task that has not ended.
pub fn report(task: &Task, state: &StateDir, tail_lines: usize) -> String {
    match &task.status {
        Status::Finished(ending) => {
            render(task, ending, OutputFile::open(task, state).as_ref(), tail_lines)
        }
        Status::Pending { .. } | Status::Queued { .. } | Status::Running { .. } => String::new(),
    }
}

/// The task's id and, where it has one, its description, as plain text on one line.
pub fn heading(task: &Task) -> String {
    match one_line(&task.description, DESCRIPTION_MAX) {
        description if description.is_empty() => task.id.to_string(),
        description => format!("{} ({description:?})", task.id),
    }
}

/// A command as plain text on one line, cut in the middle.
pub fn command_line(command: &str) -> String {
    clean_line(command.trim().replace('\r', "").replace('\n', " ⏎ ").as_bytes(), COMMAND_MAX)
}

fn render(task: &Task, ending: &Ending, output: Option<&OutputFile>, tail_lines: usize) -> String {
    let sentence = ending.outcome.sentence(ending.duration_ms);
    let mut text = format!("[sisyphus] Background task {} {sentence}.\n", heading(task));
    if !task.command.is_empty() {
        text.push_str(&format!("command: {}\n", command_line(&task.command)));
    }
    let Some(output) = output else { return text };
    let foot = format!("{}\n", output.line());
    let purpose =
        if ending.outcome == Outcome::Completed { Purpose::Success } else { Purpose::Failure };
    let room = TASK_MAX.saturating_sub(length(&text) + length(&foot));
    match output.excerpt(tail_lines, purpose) {
        Ok(found) => {
            text.push_str(&quote(&found, task.output.as_ref().map(|output| output.bytes), room));
        }
        Err(_) => text.push_str("output: could not be read\n"),
    }
    text + &foot
}

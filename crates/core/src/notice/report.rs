//! What is said of one ended task.

use std::fs::File;
use std::path::{Path, PathBuf};

use super::quote::{length, push_line, quote};
use crate::outcome::Outcome;
use crate::output::{Excerpt, Purpose, clean_line, excerpt};
use crate::paths::StateDir;
use crate::status::{Ending, Status};
use crate::sys;
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
            let output = open_output(task, state);
            let purpose = if ending.outcome == Outcome::Completed {
                Purpose::Success
            } else {
                Purpose::Failure
            };
            let found = output.as_ref().map(|found| found.excerpt(tail_lines, purpose));
            let path = output.as_ref().map(|found| found.path.as_path());
            render(task, ending, found.as_ref(), path)
        }
        Status::Pending { .. } | Status::Queued { .. } | Status::Running { .. } => String::new(),
    }
}

/// The task's id and, where it has one, its description, as plain text on one line.
pub fn heading(task: &Task) -> String {
    let one_line = task.description.replace(['\r', '\n'], " ");
    match clean_line(one_line.as_bytes(), DESCRIPTION_MAX) {
        description if description.is_empty() => task.id.to_string(),
        description => format!("{} ({description:?})", task.id),
    }
}

/// A command as plain text on one line, cut in the middle.
pub fn command_line(command: &str) -> String {
    clean_line(command.trim().replace('\r', "").replace('\n', " ⏎ ").as_bytes(), COMMAND_MAX)
}

struct Output {
    path: PathBuf,
    file: File,
}

impl Output {
    fn excerpt(&self, tail_lines: usize, purpose: Purpose) -> Excerpt {
        let read =
            self.file.try_clone().and_then(|mut file| excerpt(&mut file, tail_lines, purpose));
        read.unwrap_or_default()
    }
}

/// Reads from the copy that we kept, if there is one: to its own file the client has added a line.
fn open_output(task: &Task, state: &StateDir) -> Option<Output> {
    let client_file = task.output.as_ref().and_then(|output| output.client_file.clone());
    let kept = state.output(&task.id);
    let mut found = [Some(&kept), client_file.as_ref()].into_iter().flatten().find_map(|path| {
        Some(Output { file: sys::open_own_file(path).ok()?, path: path.clone() })
    })?;
    // To be read whole, the client's file comes first while it exists: a model may read that without asking.
    if let Some(path) = client_file.filter(|path| path.exists()) {
        found.path = path;
    }
    Some(found)
}

fn render(task: &Task, ending: &Ending, found: Option<&Excerpt>, path: Option<&Path>) -> String {
    let mut text = String::new();
    let sentence = ending.outcome.sentence(ending.duration_ms);
    push_line(&mut text, &format!("[sisyphus] Background task {} {sentence}.", heading(task)));
    if !task.command.is_empty() {
        push_line(&mut text, &format!("command: {}", command_line(&task.command)));
    }
    let foot = path.map(|path| format!("whole output: {}", path.display()));
    let room = TASK_MAX.saturating_sub(length(&text) + foot.as_deref().map_or(0, length) + 1);
    if let Some(found) = found {
        text.push_str(&quote(found, task.output.as_ref().map(|output| output.bytes), room));
    }
    if let Some(foot) = foot {
        push_line(&mut text, &foot);
    }
    text
}

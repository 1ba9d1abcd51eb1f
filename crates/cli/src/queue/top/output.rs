//! The end of the output of one task, cleaned.

use std::path::Path;

use sisyphus_base::id::TaskId;
use sisyphus_base::paths::StateDir;
use sisyphus_base::text::clean_line;
use sisyphus_state::output::{Messages, Source};
use sisyphus_tasks::task::{Kind, Task};

/// How much of an output is read at its end, in bytes, and how many lines of that are kept.
const END: u64 = 64 * 1024;
const LINES: usize = 500;
/// Longest line, in characters.
const LINE_MAX: usize = 2_000;

/// What was read of the task that was asked for last.
#[derive(Default)]
pub(super) struct Output {
    id: Option<TaskId>,
    /// A running session adds to what it said.
    messages: Messages,
    said: Vec<String>,
}

impl Output {
    /// The last lines of a task.
    pub(super) fn of(&mut self, task: &Task, state: &StateDir, client_tmp: &Path) -> Vec<String> {
        if self.id.as_ref() != Some(&task.id) {
            *self = Self { id: Some(task.id.clone()), ..Self::default() };
        }
        if task.kind == Kind::Session && !task.status().is_final() {
            self.said.extend(self.messages.more(task, state));
            self.said.drain(..self.said.len().saturating_sub(LINES));
            return self.said.clone();
        }
        end_of(task, state, client_tmp).unwrap_or_default()
    }
}

fn end_of(task: &Task, state: &StateDir, client_tmp: &Path) -> Option<Vec<String>> {
    let mut source = Source::open(task, state, client_tmp)?;
    let end = source.end(task).ok()?;
    let start = end.saturating_sub(END);
    let mut bytes = vec![0; usize::try_from(end - start).ok()?];
    let read = source.read_at(start, &mut bytes).ok()?;
    let text = &bytes[..read];
    if text.is_empty() {
        return None;
    }
    let whole = text.strip_suffix(b"\n").unwrap_or(text);
    let mut lines: Vec<&[u8]> = whole.split(|byte| *byte == b'\n').collect();
    // The first line has lost its beginning.
    let cut = usize::from(start > 0 && lines.len() > 1);
    lines.drain(..cut.max(lines.len().saturating_sub(LINES)));
    Some(lines.into_iter().map(|line| clean_line(line, LINE_MAX)).collect())
}

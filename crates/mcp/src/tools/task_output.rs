//! What `background_output` says beside the output: in one field what came of a task that has ended, and what it was
//! asked to do where that is of use.

use std::path::Path;

use rmcp::schemars::JsonSchema;
use serde::Serialize;
use sisyphus_base::paths::StateDir;
use sisyphus_base::text::one_line;
use sisyphus_state::output::{Begin, Source, Window};
use sisyphus_tasks::outcome::Outcome;
use sisyphus_tasks::task::{Kind, Task};

use crate::session::{SessionView, prompt};

/// Most characters of a prompt in the data. The text of the answer has more.
const PROMPT_MAX: usize = 1_000;
/// Most characters of the line that an error quotes.
const LINE_MAX: usize = 300;

/// What came of a task, and its prompt.
#[derive(Debug, Default, Serialize, JsonSchema)]
#[schemars(crate = "rmcp::schemars")]
pub(super) struct TaskOutput {
    /// Only if it ended well: the last part of its output, or its answer, at most 2000 characters; empty if it printed
    /// nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    result: Option<String>,
    /// Only if it did not end well: how it ended, with its problem or the last line that it printed.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    /// The beginning of an agent's or a session's prompt, unless that ended well.
    #[serde(skip_serializing_if = "Option::is_none")]
    original_prompt: Option<String>,
}

impl TaskOutput {
    /// Of this task, with at most `max` characters of its result.
    pub(super) fn of(
        task: &Task,
        session: Option<&SessionView>,
        state: &StateDir,
        client_tmp: &Path,
        max: usize,
    ) -> Self {
        let lines = || last_lines(task, state, client_tmp, max);
        let (result, error) = match task.status().ending() {
            None => (None, None),
            // No failure is claimed that no process saw.
            Some(it) if matches!(it.outcome, Outcome::Completed | Outcome::Unknown) => {
                (Some(lines().join("\n")), None)
            }
            Some(it) => {
                let problem = session.and_then(|session| session.problem.as_deref());
                let because = match (problem, task.kind) {
                    (Some(problem), _) => format!(": {}", one_line(problem, LINE_MAX)),
                    (None, Kind::Command | Kind::Service) if it.outcome.is_error() => {
                        let printed =
                            lines().into_iter().rev().find(|line| !line.trim().is_empty());
                        let quote = |line: String| one_line(&line, LINE_MAX);
                        printed
                            .map(quote)
                            .map_or_else(String::new, |it| format!("; last line: {it}"))
                    }
                    (None, _) => String::new(),
                };
                (None, Some(it.sentence(task.kind) + &because))
            }
        };
        let prompt = original_prompt(task, state).join("\n");
        let original_prompt = Some(prompt.chars().take(PROMPT_MAX).collect())
            .filter(|it: &String| result.is_none() && !it.is_empty());
        Self { result, error, original_prompt }
    }

    /// Whether the task ended well.
    pub(super) fn is_result(&self) -> bool {
        self.result.is_some()
    }
}

/// The last whole lines of the output. An output that can't be read gives none.
fn last_lines(task: &Task, state: &StateDir, client_tmp: &Path, max: usize) -> Vec<String> {
    let source = Source::open(task, state, client_tmp);
    let window = source.and_then(|mut it| Window::take(&mut it, task, Begin::LastLines, max).ok());
    window.unwrap_or_default().lines
}

/// The heading and the lines of what a task was asked to do; nothing for a command.
pub(super) fn prompt_section(task: &Task, state: &StateDir) -> String {
    let lines = original_prompt(task, state);
    if lines.is_empty() {
        return String::new();
    }
    let quoted: String = lines.iter().map(|line| format!("| {line}\n")).collect();
    format!("\n## Original Prompt\n\n{quoted}")
}

/// The beginning of the prompt, as lines.
fn original_prompt(task: &Task, state: &StateDir) -> Vec<String> {
    match (&task.launched, task.kind) {
        (Some(call), _) if !call.prompt.is_empty() => vec![call.prompt.clone()],
        (_, Kind::Session) => prompt(task, state),
        (_, Kind::Command | Kind::Service | Kind::Agent) => Vec::new(),
    }
}

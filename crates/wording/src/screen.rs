//! Texts that people read on Claude Code's screen. The model does not read them.

use sisyphus_base::text::one_line;
use sisyphus_settings::SlotLimit;
use sisyphus_state::agents::{Limits, admission_of};
use sisyphus_state::expected_admission::{expected_admission_of, expected_in_group};
use sisyphus_state::line::Snapshot;
use sisyphus_state::store::Active;
use sisyphus_tasks::admission::Admission;
use sisyphus_tasks::status::Status;
use sisyphus_tasks::task::Task;

/// How many tasks a text names.
const NAMED: usize = 4;
/// Most characters of the name of a task or a group.
const NAME_MAX: usize = 60;

/// How each task ended: `"tests" failed with exit code 1 after 4 s`. Failures are first. `None` if none has ended.
pub fn ends_on_screen<'a>(tasks: impl Iterator<Item = &'a Task>) -> Option<String> {
    let mut ended: Vec<(bool, String)> = tasks.filter_map(end).collect();
    ended.sort_by_key(|(is_error, _)| !is_error);
    let more = ended.len().saturating_sub(NAMED);
    let mut said: Vec<String> = ended.into_iter().take(NAMED).map(|(_, said)| said).collect();
    if more > 0 {
        said.push(format!("{more} more"));
    }
    (!said.is_empty()).then(|| said.join("; "))
}

fn end(task: &Task) -> Option<(bool, String)> {
    let Status::Finished(ending) = task.status() else { return None };
    Some((ending.outcome.is_error(), format!("{} {}", name(task), ending.sentence(task.kind))))
}

/// Says that a command which Claude Code draws as running is queued, with its place; `None` if it is not.
pub fn queued_on_screen(
    active: &Active,
    line: &Snapshot,
    task: &Task,
    limits: &Limits,
) -> Option<String> {
    if let Admission::Queued { position } = expected_in_group(line, task, limits) {
        let group = one_line(task.group.as_deref()?, NAME_MAX);
        return Some(queued(task, position, &format!(" of group {group}")));
    }
    match expected_admission_of(active, Some(line), &task.id, limits) {
        Admission::Queued { position } => Some(queued(task, position, &busy(limits))),
        Admission::Immediate => None,
    }
}

/// The same of an agent.
pub fn agent_queued_on_screen(active: &Active, agent: &Task, limits: &Limits) -> Option<String> {
    match admission_of(active, agent, limits) {
        Admission::Queued { position } => Some(queued(agent, position, "")),
        Admission::Immediate => None,
    }
}

fn queued(task: &Task, position: usize, detail: &str) -> String {
    format!("{} is queued, number {position}{detail}", name(task))
}

fn busy(limits: &Limits) -> String {
    match limits.default_limit() {
        SlotLimit::AtMost(slots) => format!(", {slots} of {slots} slots busy"),
        SlotLimit::Unlimited => String::new(),
    }
}

fn name(task: &Task) -> String {
    let name = if task.description.is_empty() { &task.command } else { &task.description };
    format!("\"{}\"", one_line(name, NAME_MAX))
}

#[cfg(test)]
mod tests {
    use sisyphus_tasks::outcome::Outcome;
    use sisyphus_tasks::task::samples::finished;

    use super::*;

    #[test]
    fn failures_are_first_and_the_text_is_short() {
        assert_eq!(ends_on_screen([].iter()), None);
        let mut tasks: Vec<Task> =
            (1..=6).map(|it| finished(&format!("t{it}"), Outcome::Completed)).collect();
        tasks[5] = finished("t6", Outcome::Failed { exit_code: 3 });
        tasks[5].description = "a\u{1b}[2Jb\nc".to_owned();
        let said = ends_on_screen(tasks.iter()).unwrap();
        assert!(said.starts_with("\"ab c\" failed with exit code 3"), "{said}");
        assert!(said.ends_with("; 2 more"), "{said}");
    }
}

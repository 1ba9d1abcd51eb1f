//! `sisyphus wait`.

use std::time::{Duration, Instant};

use anyhow::Result;
use clap::Args as ClapArgs;
use serde_json::json;
use sisyphus_base::id::TaskId;
use sisyphus_control::{
    HistoryDepth, Naming, TICK, TaskState, TaskWaiter, Tasks, acknowledge, own_requester,
};
use sisyphus_state::reach::is_in_reach;
use sisyphus_tasks::status::Status;
use sisyphus_tasks::task::Task;

use crate::format::how_it_ended;
use crate::list::what;
use crate::print::{self, Verdict};
use crate::spinner::Spinner;
use crate::style::{Hue, hue};
use crate::view::views;

/// Longest name on the progress line, in characters.
const NAME_MAX: usize = 200;

#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:
  sisyphus wait build tests && ./deploy.sh
  sisyphus wait --timeout 600 t7k2m9qa4")]
pub(crate) struct Wait {
    /// The tasks, each by its id or the beginning of it, Claude Code's id for it, or a part of its description or
    /// command.
    #[arg(required = true)]
    pub(crate) tasks: Vec<String>,
    /// Give up after this many seconds, with exit code 124.
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    pub(crate) timeout: Option<Duration>,
    /// Print JSON when all have ended.
    #[arg(long)]
    pub(crate) json: bool,
}

/// Waits until the tasks have ended, and prints each outcome at once.
pub(crate) fn wait(options: &Wait) -> Result<Verdict> {
    let tasks = Tasks::read(HistoryDepth::Archive, print::warn)?;
    let mut waiting: Vec<TaskId> =
        tasks.find_all(&options.tasks, Naming::Part)?.iter().map(|task| task.id.clone()).collect();
    // A timeout too long for the clock is none.
    let deadline = options.timeout.and_then(|timeout| Instant::now().checked_add(timeout));
    let mut task_waiter = TaskWaiter::new(tasks.store, print::warn);
    let (mut seen, mut verdict) = (Vec::new(), Verdict::Good);
    let mut spinner = Spinner::new();
    loop {
        let task_states = task_waiter.look(&waiting)?;
        let mut live = Vec::new();
        for (id, course) in std::mem::take(&mut waiting).into_iter().zip(task_states) {
            match course {
                TaskState::Live(task) if is_in_reach(&task) => live.push(task),
                TaskState::Live(task) | TaskState::Ended(task) => {
                    spinner.clear();
                    if !options.json {
                        print::out(&how_it_ended(&task))?;
                    }
                    if hue(task.status()) != Hue::Good {
                        verdict = Verdict::Bad;
                    }
                    // For a command without output this is the whole result. Best effort: at worst it is delivered once
                    // more.
                    if task.output.as_ref().is_some_and(|output| output.bytes == 0) {
                        let _ = acknowledge(task_waiter.store(), &task, own_requester().as_ref());
                    }
                    seen.push(task);
                }
                TaskState::Forgotten => {
                    spinner.clear();
                    print::warn(&anyhow::anyhow!("{id} never ran, and its record is gone"));
                    verdict = Verdict::Bad;
                }
            }
        }
        let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
        if !live.is_empty() && left.is_some_and(|left| left.is_zero()) {
            verdict = Verdict::TimedOut;
            spinner.clear();
            let words: Vec<String> =
                live.iter().map(|task| format!("{} is {}", task.id, task.word())).collect();
            print::warn(&anyhow::anyhow!("timed out: {}", words.join(", ")));
            seen.extend(std::mem::take(&mut live));
        }
        if live.is_empty() {
            break;
        }
        spinner.turn(&what_they_do(&live.iter().collect::<Vec<_>>()));
        waiting = live.into_iter().map(|task| task.id).collect();
        task_waiter.pause(left.map_or(TICK, |left| left.min(TICK)));
    }
    spinner.clear();
    if options.json {
        print::json(json!({ "tasks": views(&seen, task_waiter.store().dir()) }))?;
    }
    Ok(verdict)
}

pub(crate) fn seconds(text: &str) -> Result<Duration, String> {
    let span = text.parse().ok().and_then(|number| Duration::try_from_secs_f64(number).ok());
    span.ok_or_else(|| "give a number of seconds, such as 90 or 0.5".to_owned())
}

/// The tasks that still run or wait, in a few words.
pub(crate) fn what_they_do(live: &[&Task]) -> String {
    if let [task] = live {
        let name = what(task, NAME_MAX);
        return format!("{} is {}: {name}", task.id, task.word());
    }
    let is_running = |task: &&&Task| matches!(task.status(), Status::Running { .. });
    let running = live.iter().filter(is_running).count();
    format!("{} not ended, {running} of them running", live.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_span_is_a_number_of_seconds() {
        assert_eq!(seconds("1.5"), Ok(Duration::from_millis(1_500)));
        assert_eq!(seconds("0"), Ok(Duration::ZERO));
        for wrong in ["", "-1", "1s", "NaN", "inf", "1e30"] {
            assert!(seconds(wrong).is_err(), "{wrong}");
        }
    }
}

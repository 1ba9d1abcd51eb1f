//! `sisyphus list`.

use std::fmt::Write as _;

use anyhow::Result;
use chrono::{DateTime, Utc};
use serde_json::json;
use sisyphus_control::{Reach, Tasks};
use sisyphus_core::outcome::{Outcome, duration};
use sisyphus_core::output::clean_line;
use sisyphus_core::status::{Ending, Status};
use sisyphus_core::task::Task;

use crate::args::{Format, List};
use crate::print;
use crate::view::{VERSION, View};

/// Widest description in a table, in characters.
const NAME_MAX: usize = 60;

/// Prints the tasks that have not ended, and the newest that have.
pub(crate) fn list(options: &List) -> Result<()> {
    let mut tasks = Tasks::read(options.reach(), print::warn)?;
    if options.reach() == Reach::Recent {
        tasks.ended.truncate(options.last);
    }
    match options.format() {
        Format::Json => {
            let state = tasks.store.dir();
            let views: Vec<View<'_>> =
                tasks.active.iter().chain(&tasks.ended).map(|task| View::of(task, state)).collect();
            print::json(&json!({ "version": VERSION, "tasks": views }))
        }
        Format::Text => print::out(&table(&tasks, Utc::now())),
    }
}

fn table(tasks: &Tasks, now: DateTime<Utc>) -> String {
    if tasks.active.is_empty() && tasks.ended.is_empty() {
        return "No background commands yet.\n".to_owned();
    }
    let mut text = format!("{:<10} {:<10} {:>10}  {:<16} WHAT\n", "ID", "STATE", "TIME", "PROJECT");
    for task in tasks.active.iter().chain(&tasks.ended) {
        let project = task.cwd.file_name().unwrap_or_default().to_string_lossy();
        let what = if task.description.is_empty() { &task.command } else { &task.description };
        let what = clean_line(what.replace(['\r', '\n'], " ").as_bytes(), NAME_MAX);
        let project = clean_line(project.as_bytes(), 16);
        let _ = writeln!(
            text,
            "{:<10} {:<10} {:>10}  {project:<16} {what}",
            task.id,
            state(task),
            time(task, now)
        );
    }
    text
}

/// The state, with the exit code where that says more.
fn state(task: &Task) -> String {
    if let Status::Finished(Ending { outcome: Outcome::Failed { exit_code }, .. }) = &task.status {
        return format!("failed({exit_code})");
    }
    task.status.word().to_owned()
}

/// How long it took, or how long it has been running.
fn time(task: &Task, now: DateTime<Utc>) -> String {
    let ms = match &task.status {
        Status::Running { started_at, .. } => {
            u64::try_from((now - *started_at).num_milliseconds()).ok()
        }
        Status::Finished(ending) => ending.duration_ms,
        Status::Pending { .. } | Status::Queued { .. } => None,
    };
    ms.map_or_else(|| "-".to_owned(), duration)
}

//! One task on one line of Claude Code's screen.

use chrono::{DateTime, Utc};
use serde::Serialize;
use sisyphus_base::text::clean_line;
use sisyphus_tasks::outcome::duration;
use sisyphus_tasks::status::Status;
use sisyphus_tasks::task::Task;

use crate::format::{predicate, sign};
use crate::list::{time, what};
use crate::style::{Hue, hue};

/// Longest name of a task and longest text about it, in characters.
const WHAT_MAX: usize = 60;
const HOW_MAX: usize = 300;

/// What is drawn: the sign in the colour of the tone, the name, and the rest in a weaker colour.
#[derive(Debug, Serialize)]
pub(super) struct Row {
    id: String,
    tone: Tone,
    sign: &'static str,
    what: String,
    how: String,
}

/// What a colour means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Tone {
    Running,
    Queued,
    Good,
    Bad,
    Other,
}

impl Tone {
    fn of(hue: Hue) -> Self {
        match hue {
            Hue::Live => Self::Running,
            Hue::Waiting => Self::Queued,
            Hue::Good => Self::Good,
            Hue::Bad => Self::Bad,
            Hue::None | Hue::Dim | Hue::Title => Self::Other,
        }
    }
}

/// The row of a task. `place` is its number in the queue, `last_line` reads that of its output.
pub(super) fn row(
    task: &Task,
    place: Option<usize>,
    last_line: impl FnOnce() -> Option<String>,
    now: DateTime<Utc>,
) -> Row {
    let hue = hue(task.status());
    let (tone, sign) = (Tone::of(hue), sign::of(hue));
    let how = match task.status() {
        Status::Pending { .. } | Status::Queued { .. } => match place {
            Some(place) => format!("queued, number {place}"),
            None => "starts".to_owned(),
        },
        Status::Running { .. } => with_line(since(task, now), last_line()),
        // The last line of a failure is usually its cause.
        Status::Finished(_) if tone == Tone::Bad => with_line(predicate(task), last_line()),
        Status::Finished(_) => predicate(task),
    };
    let id = task.id.as_str().to_owned();
    Row { id, tone, sign, what: what(task, WHAT_MAX), how: clean_line(how.as_bytes(), HOW_MAX) }
}

/// For how long it has been running, in whole seconds: a screen that is drawn once a second has no tenths.
fn since(task: &Task, now: DateTime<Utc>) -> String {
    time(task, now).map(|ms| duration(ms / 1000 * 1000)).unwrap_or_default()
}

fn with_line(text: String, line: Option<String>) -> String {
    match line {
        Some(line) => format!("{text} · {}", line.trim()),
        None => text,
    }
}

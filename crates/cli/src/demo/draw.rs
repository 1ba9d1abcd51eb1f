//! Draws what the commands do: rows redrawn in place on a terminal, otherwise one line for each change.

use anyhow::Result;
use chrono::{DateTime, Utc};
use sisyphus_base::environment::{Environment, Terminal};
use sisyphus_tasks::outcome::{Outcome, duration};
use sisyphus_tasks::status::Status;
use sisyphus_tasks::task::Task;

use super::commands::Stand;
use super::status_board::Seen;
use crate::canvas::Canvas;
use crate::format::{predicate, sign};
use crate::list::{state, time};
use crate::print;
use crate::screen;
use crate::style::{Hue, Paint, hue};
use crate::table::{Cell, Column, lines};

const COLUMNS: [Column; 4] = [
    Column::left("STATE", 11),
    Column::right("TIME", 5),
    Column::left("WHAT", 19).may_shrink_to(8),
    Column::left("LAST LINE", 0).may_shrink_to(8),
];

/// How it is drawn.
#[derive(Debug)]
pub(super) enum Drawing {
    InPlace(Canvas),
    /// The states that were printed already, each with its command.
    Changes(Vec<(&'static str, Stand)>),
}

impl Drawing {
    pub(super) fn new() -> Self {
        // A dumb terminal can't move the cursor up.
        let is_able = Environment::read().terminal != Terminal::None;
        if print::is_to_terminal() && is_able {
            Self::InPlace(Canvas::default())
        } else {
            Self::Changes(Vec::new())
        }
    }

    /// Draws the commands.
    pub(super) fn draw(&mut self, seen: &[Seen], now: DateTime<Utc>) -> Result<()> {
        match self {
            Self::InPlace(canvas) => {
                let size = screen::any_size();
                let rows: Vec<[Cell; 4]> = seen.iter().map(|it| row(it, now)).collect();
                let lines = lines(&COLUMNS, &rows, Some(size.width), Paint::of_output());
                canvas.draw(&lines, size).map(drop)
            }
            Self::Changes(said) => seen.iter().try_for_each(|it| tell_change(said, it)),
        }
    }
}

fn row(seen: &Seen, now: DateTime<Utc>) -> [Cell; 4] {
    let line = match seen.stand {
        Stand::Waits { .. } => in_words(seen),
        Stand::Comes | Stand::Runs | Stand::Over => seen.line.clone().unwrap_or_default(),
    };
    let hue = hue(seen.task.status());
    [
        Cell::of(hue, format!("{} {}", sign_of(&seen.task), state(&seen.task))),
        Cell::from(time(&seen.task, now).map_or_else(|| "-".to_owned(), duration)),
        Cell::from(seen.role.description),
        Cell::of(Hue::Dim, line),
    ]
}

fn sign_of(task: &Task) -> &'static str {
    match task.status() {
        Status::Pending { .. } | Status::Queued { .. } => sign::WAITS,
        Status::Running { .. } => sign::RUNS,
        Status::Finished(ending) if ending.outcome == Outcome::Completed => sign::GOOD,
        Status::Finished(_) => sign::BAD,
    }
}

/// Prints a line if the state of the command is new.
fn tell_change(said: &mut Vec<(&'static str, Stand)>, seen: &Seen) -> Result<()> {
    let now = (seen.role.id, seen.stand);
    if seen.stand == Stand::Comes || said.contains(&now) {
        return Ok(());
    }
    said.push(now);
    print::out(&format!("  {}: {}\n", seen.role.description, in_words(seen)))
}

fn in_words(seen: &Seen) -> String {
    match seen.stand {
        Stand::Comes => "comes".to_owned(),
        Stand::Waits { number: 1 } => "queued, starts next".to_owned(),
        Stand::Waits { number } => format!("queued, {} before it", number - 1),
        Stand::Runs => "runs".to_owned(),
        Stand::Over => predicate(&seen.task),
    }
}

//! `sisyphus events`: the changes of status, from `events.jsonl`.

use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use anyhow::Result;
use chrono::{DateTime, Local, Utc};
use clap::Args as ClapArgs;
use sisyphus_base::text::for_people;
use sisyphus_control::{HistoryDepth, TICK, TaskWaiter, Tasks};
use sisyphus_state::transitions::{Line, LineReader};

use crate::format::sign;
use crate::list::since::since;
use crate::print::{self, Reader};
use crate::style::{Hue, Paint};

/// How often a follower reconciles: if no other process does, nothing would change.
const RECONCILES: Duration = Duration::from_secs(1);
/// Longest id, description and sentence that are shown, in characters.
const TEXT_MAX: usize = 200;

#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:
  sisyphus events --since 2h
  sisyphus events --since 9:30 --json
  sisyphus events --follow")]
pub(crate) struct Events {
    /// Keep printing what happens. Without `--since`, only what happens from now on.
    #[arg(long, short)]
    follow: bool,
    /// Begin here: a time ago (`90s`, `30m`, `2h`, `7d`), a time of today (`9:30`), a day (`2026-11-28`), or both
    /// (`2026-11-28 9:30`, RFC 3339).
    #[arg(long, value_name = "TIME", value_parser = since)]
    since: Option<DateTime<Utc>>,
    /// Print the lines of the file: one JSON object each.
    #[arg(long)]
    json: bool,
}

/// Prints what the files hold, or what happens until the reader is gone.
pub(crate) fn events(options: &Events) -> Result<()> {
    // Records what ended unseen.
    let store = Tasks::read(HistoryDepth::Newest(0), print::warn)?.store;
    let mut reader = if options.follow && options.since.is_none() {
        LineReader::from_end(store.dir())?
    } else {
        LineReader::from_start(store.dir())?
    };
    let paint = Paint::of_output();
    let mut task_waiter = TaskWaiter::new(store, print::warn);
    let mut reconciled_at = Instant::now();
    loop {
        let read = reader.read(|line| {
            if options.since.is_some_and(|since| line.at < since) {
                return Ok(ControlFlow::Continue(()));
            }
            let text = if options.json { line.text } else { for_eyes(&line, paint) };
            Ok(match print::bytes(format!("{text}\n").as_bytes())? {
                Reader::Reads => ControlFlow::Continue(()),
                Reader::Gone => ControlFlow::Break(()),
            })
        })?;
        if read.is_break() || !options.follow {
            break;
        }
        task_waiter.pause(TICK);
        if reconciled_at.elapsed() >= RECONCILES {
            task_waiter.look(&[])?;
            reconciled_at = Instant::now();
        }
    }
    if reader.damaged > 0 {
        print::warn(&anyhow::anyhow!("left out {} damaged lines of the events", reader.damaged));
    }
    Ok(())
}

/// The local time, the task, and what happened to it.
fn for_eyes(line: &Line, paint: Paint) -> String {
    let plain = |name: &str| for_people(line.text_of(name), TEXT_MAX);
    let (sign, hue) = match line.text_of("to") {
        "pending" | "queued" => (sign::WAITS, Hue::Waiting),
        "running" => (sign::RUNS, Hue::Live),
        "completed" => (sign::GOOD, Hue::Good),
        _ => (sign::BAD, Hue::Bad),
    };
    let at = line.at.with_timezone(&Local).format("%m-%d %H:%M:%S");
    let name = [plain("description"), plain("command")].into_iter().find(|it| !it.is_empty());
    let name = name.map(|name| format!("{name}: ")).unwrap_or_default();
    let corrected = if is_correction(line) { "corrected: " } else { "" };
    let sign = paint.paint(hue, sign);
    // The file keeps another word for it.
    let said = if line.text_of("to") == "pending" { "is queued".to_owned() } else { plain("said") };
    format!("{at}  {sign} {}  {name}{corrected}{said}", plain("id"))
}

/// Whether the task had ended before.
fn is_correction(line: &Line) -> bool {
    !["", "pending", "queued", "running"].contains(&line.text_of("from"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn eyes(from: &str, to: &str, description: &str) -> String {
        let at = "2026-11-28T10:00:00Z";
        let fields = serde_json::json!({
            "id": "t1", "from": from, "to": to, "said": "a b", "description": description, "command": "make",
        });
        let line = Line { text: String::new(), at: at.parse().unwrap(), fields };
        for_eyes(&line, Paint::Plain).split_once("  ").unwrap().1.to_owned()
    }

    /// A line names the task by its description, or by its command. A foreign text draws nothing.
    #[test]
    fn a_line_for_eyes_is_plain() {
        for (from, to, description, expected) in [
            ("", "pending", "Build", "⏳ t1  Build: is queued"),
            ("pending", "queued", "Build", "⏳ t1  Build: a b"),
            ("queued", "running", "", "▶ t1  make: a b"),
            ("running", "completed", "a\u{1b}[2Jb", "✔ t1  ab: a b"),
            ("running", "later word", "Build", "✖ t1  Build: a b"),
            ("failed", "killed", "Build", "✖ t1  Build: corrected: a b"),
        ] {
            assert_eq!(eyes(from, to, description), expected);
        }
    }
}

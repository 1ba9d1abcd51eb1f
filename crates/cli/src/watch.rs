//! `sisyphus list --watch`: the list, drawn anew in its place, with what running tasks print.

use std::sync::mpsc::channel;
use std::time::Duration;

use anyhow::{Context as _, Result};
use chrono::Utc;
use sisyphus_control::Tasks;
use sisyphus_core::environment::Environment;
use sisyphus_core::output::{Source, clean_line};
use sisyphus_core::paths::client_tmp_dir;
use sisyphus_core::status::Status;
use sisyphus_core::task::Task;

use crate::args::List;
use crate::list::{meant, table};
use crate::print::{self, Reader};
use crate::screen::{self, Size, fit};
use crate::style::{Hue, Paint};

/// How long one drawing stands.
const STANDS: Duration = Duration::from_secs(1);
/// How much of the end of an output is looked at, in bytes.
const END: u64 = 4 * 1024;
/// What stands before a line of output.
const INDENT: &str = "           ";

/// Draws the list until nobody looks any more.
pub(crate) fn watch(options: &List) -> Result<()> {
    let no_terminal =
        "could not watch: standard output is no terminal; use `sisyphus list`, or `sisyphus wait`";
    let mut before: Option<Drawn> = None;
    // Nobody calls: it only counts the time.
    let (_bell, silence) = channel::<()>();
    loop {
        let size = screen::size().context(no_terminal)?;
        let tasks = meant(options)?;
        let lines = lines(&tasks, size);
        let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
        if print::bytes((go_back(before.as_ref(), size) + &text).as_bytes())? == Reader::Gone {
            return Ok(());
        }
        before = Some(Drawn { lines: lines.len(), width: size.width });
        let _ = silence.recv_timeout(STANDS);
    }
}

/// What stands on the terminal.
struct Drawn {
    lines: usize,
    width: usize,
}

/// Puts the cursor where the next drawing begins, and clears what is behind it.
fn go_back(before: Option<&Drawn>, size: Size) -> String {
    match before {
        None => String::new(),
        // Narrower, the old lines may have become more.
        Some(drawn) if drawn.width != size.width => "\u{1b}[H\u{1b}[2J".to_owned(),
        Some(drawn) => format!("\u{1b}[{}A\r\u{1b}[J", drawn.lines),
    }
}

fn lines(tasks: &Tasks, size: Size) -> Vec<String> {
    let paint = Paint::of_output();
    let client_tmp = client_tmp_dir(&Environment::read());
    let mut rows = table(tasks, Utc::now(), Some(size.width), paint).into_iter();
    let mut lines: Vec<String> = rows.next().into_iter().collect();
    for (row, task) in rows.zip(tasks.active.iter().chain(&tasks.ended)) {
        lines.push(row);
        if matches!(task.status, Status::Running { .. })
            && let Some(line) = last_line(task, tasks, &client_tmp)
        {
            lines.push(paint.paint(Hue::Dim, &fit(&format!("{INDENT}{line}"), size.width)));
        }
    }
    // One line stays free for the cursor: what has scrolled away can't be drawn over.
    lines.truncate(size.height.saturating_sub(1).max(1));
    lines
}

/// The last line that a task has printed and that holds something.
fn last_line(task: &Task, tasks: &Tasks, client_tmp: &std::path::Path) -> Option<String> {
    let mut source = Source::open(task, tasks.store.dir(), client_tmp)?;
    let end = source.end(task).ok()?;
    let mut bytes = vec![0; usize::try_from(END.min(end)).ok()?];
    let read = source.read_at(end.saturating_sub(END), &mut bytes).ok()?;
    let lines = bytes[..read].split(|&byte| byte == b'\n').rev();
    lines.map(|line| clean_line(line, 300)).find(|line| !line.trim().is_empty())
}

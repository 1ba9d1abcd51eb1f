//! `sisyphus list --watch`: the list, redrawn in place, with the last lines of running tasks.

use std::path::Path;
use std::sync::mpsc::channel;
use std::time::Duration;

use anyhow::{Context as _, Result};
use chrono::Utc;
use sisyphus_base::environment::Environment;
use sisyphus_base::paths::{StateDir, client_tmp_dir};
use sisyphus_base::text::clean_line;
use sisyphus_control::Tasks;
use sisyphus_state::output::Source;
use sisyphus_tasks::status::Status;
use sisyphus_tasks::task::Task;

use super::filter::Chosen;
use super::{List, below, meant, table};
use crate::canvas::Canvas;
use crate::print::Reader;
use crate::screen::{self, Size, fit};
use crate::style::{Hue, Paint};

/// The time between two drawings.
const STANDS: Duration = Duration::from_secs(1);
/// How many bytes at the end of an output are read.
const END: u64 = 4 * 1024;
/// What precedes a line of output.
const INDENT: &str = "           ";

/// Redraws the list until its reader is gone.
pub(crate) fn watch(options: &List) -> Result<()> {
    let no_terminal = "could not watch: standard output is not a terminal; use `sisyphus list`, or `sisyphus wait`";
    let mut canvas = Canvas::default();
    // The channel stays silent: its timeout is the pause.
    let (_bell, silence) = channel::<()>();
    loop {
        let size = screen::size().context(no_terminal)?;
        let (tasks, chosen) = meant(options)?;
        let lines = lines(&chosen, &tasks, size);
        if canvas.draw(&lines, size)? == Reader::Gone {
            return Ok(());
        }
        let _ = silence.recv_timeout(STANDS);
    }
}

fn lines(chosen: &Chosen, tasks: &Tasks, size: Size) -> Vec<String> {
    let paint = Paint::of_output();
    let client_tmp = client_tmp_dir(&Environment::read());
    let mut rows = table(chosen, tasks, Utc::now(), Some(size.width), paint).into_iter();
    let mut lines: Vec<String> = rows.next().into_iter().collect();
    for task in tasks.active.iter().filter(|task| chosen.has(task)) {
        lines.extend(rows.next());
        if matches!(task.status(), Status::Running { .. })
            && let Some(line) = last_line(task, tasks.store.dir(), &client_tmp)
        {
            lines.push(paint.paint(Hue::Dim, &fit(&format!("{INDENT}{line}"), size.width)));
        }
    }
    // If there is no room for all, the ended tasks give way to the queued ones. One line is the cursor's.
    let ended: Vec<String> = rows.by_ref().take(tasks.ended.len()).collect();
    let below = below(tasks, size.width, paint);
    let room = size.height.saturating_sub(1 + lines.len() + rows.len() + below.iter().len());
    lines.extend(ended.into_iter().take(room));
    lines.extend(rows);
    lines.extend(below);
    lines
}

/// The last line that a task has printed and that is not blank.
pub(crate) fn last_line(task: &Task, state: &StateDir, client_tmp: &Path) -> Option<String> {
    let mut source = Source::open(task, state, client_tmp)?;
    let end = source.end(task).ok()?;
    let mut bytes = vec![0; usize::try_from(END.min(end)).ok()?];
    let read = source.read_at(end.saturating_sub(END), &mut bytes).ok()?;
    let lines = bytes[..read].split(|&byte| byte == b'\n').rev();
    lines.map(|line| clean_line(line, 300)).find(|line| !line.trim().is_empty())
}

//! Updates a kept output: processes that the command left running may write after the shell exits.

use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom};

use anyhow::{Context as _, Result};
use sisyphus_base::paths::StateDir;
use sisyphus_base::sys;
use sisyphus_tasks::task::{Kind, Task};

use super::keep::keep;
use super::trailer::Extent;

/// How many bytes at the beginning of both files must match.
const COMPARED: u64 = 4096;

/// Copies Claude Code's file again if it contains more than when the task ended. Best effort: the kept output stays.
pub fn refresh(task: &Task, state: &StateDir) {
    // In Claude Code's sandbox this fails, and no reader needs the error.
    let _ = try_refresh(task, state);
}

fn try_refresh(task: &Task, state: &StateDir) -> Result<()> {
    if matches!(task.kind, Kind::Agent | Kind::Session) || !task.status().is_final() {
        return Ok(());
    }
    let Some((mut longer, extent)) = longer(task, state)? else { return Ok(()) };
    let modified = longer.metadata()?.modified()?;
    let target = state.output(&task.id);
    keep(&mut longer, &extent, &target)?;
    // Keep the original's age: anything written from here on makes Claude Code's file newer.
    let copy = File::options().append(true).open(&target)?;
    copy.set_modified(modified).context("could not date the copy")
}

/// Claude Code's file, if it belongs to the kept output and contains more.
pub(super) fn longer(task: &Task, state: &StateDir) -> Result<Option<(File, Extent)>> {
    let Some(known) = &task.output else { return Ok(None) };
    let Some(path) = &known.client_file else { return Ok(None) };
    let mut ours = sys::open_own_file(&state.output(&task.id))?;
    let mut clients = sys::open_own_file(path)?;
    if ours.metadata()?.modified()? == clients.metadata()?.modified()? {
        return Ok(None);
    }
    let extent = Extent::of(&mut clients, Some(known.bytes))?;
    let is_longer = extent.bytes > known.bytes && is_same(&mut ours, &mut clients, known.bytes)?;
    Ok(is_longer.then_some((clients, extent)))
}

/// Whether both begin with the same bytes: the path may name another file since.
fn is_same(ours: &mut File, clients: &mut File, known: u64) -> io::Result<bool> {
    let begin = |file: &mut File| {
        let mut bytes = Vec::new();
        file.seek(SeekFrom::Start(0))?;
        file.take(COMPARED.min(known)).read_to_end(&mut bytes)?;
        io::Result::Ok(bytes)
    };
    Ok(begin(ours)? == begin(clients)?)
}

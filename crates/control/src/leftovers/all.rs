//! Removes the whole history, and everything that was kept with it.

use std::collections::HashSet;
use std::time::{Duration, SystemTime};

use anyhow::{Error, Result};
use sisyphus_state::line::RuntimeDir;
use sisyphus_state::reconcile::World;
use sisyphus_state::run_root::RunRoot;
use sisyphus_state::store::{Active, LOCK_WAIT_IN_RUNNER, Store};

use super::find::{Kind, Leftover, STALE, find, is_older, leftover, records, runs, size};
use super::listing::{Entry, files};
use super::remove::{is_free, try_remove};

/// How many live tasks the error names.
const NAMED: usize = 5;

/// Finds everything that is kept of tasks, and every other leftover. A live task is an error: its runner and its
/// session still need its files.
pub fn find_all(
    store: &Store,
    roots: &[RunRoot],
    runtime: Option<&RuntimeDir>,
    now: SystemTime,
) -> Result<Vec<Leftover>> {
    refuse_live(store.read_active()?.as_ref())?;
    let state = store.dir();
    let in_root = |entry: &Entry| match entry.name.as_str() {
        "completed.json" | "failed.json" => Some(Kind::History),
        _ if entry.is_corrupt() => Some(Kind::Corrupt),
        _ => None,
    };
    let mut found = records(store, |_| true)?;
    let root = files(state.root())?.into_iter();
    found.extend(root.filter_map(|entry| Some(leftover(in_root(&entry)?, entry))));
    let archives = files(&state.archive_dir())?.into_iter().filter(Entry::is_archive);
    found.extend(archives.map(|entry| leftover(Kind::Archive, entry)));
    let outputs = files(&state.output_dir())?.into_iter().filter(|it| it.output_of().is_some());
    found.extend(outputs.map(|entry| leftover(Kind::Output, entry)));
    let folders = roots.iter().map(RunRoot::runs_dir).chain([state.runs_dir()]);
    for folder in folders {
        for run in runs(&folder)? {
            // A run without a runner may be about to get one.
            let had_runner = run.entry.path.join("attached.json").exists();
            if had_runner || is_older(&run.entry, STALE, now) {
                let bytes = size(&run.entry.path)?;
                found.push(Leftover { bytes, ..leftover(Kind::RunFolder, run.entry) });
            }
        }
    }
    found.retain(is_free);
    let known: HashSet<_> = found.iter().map(|it| it.path.clone()).collect();
    let others = find(store, roots, runtime, Duration::ZERO, now)?;
    found.extend(others.into_iter().filter(|it| !known.contains(&it.path)));
    found.sort_by(|one, other| one.path.cmp(&other.path));
    Ok(found)
}

/// Removes it, unless a task has started since.
pub fn remove_all(
    store: &Store,
    world: &World<'_>,
    found: Vec<Leftover>,
) -> Result<(Vec<Leftover>, Vec<Error>)> {
    let (mut gone, mut errors) = (Vec::new(), Vec::new());
    // Under the lock, so that no commit appends to a removed file.
    store.update(world, LOCK_WAIT_IN_RUNNER, |active, _| {
        refuse_live(active)?;
        active.tasks.clear();
        for leftover in found.into_iter().filter(is_free) {
            match try_remove(&leftover) {
                Ok(()) => gone.push(leftover),
                Err(error) => errors.push(error),
            }
        }
        anyhow::Ok(())
    })??;
    Ok((gone, errors))
}

fn refuse_live(active: &Active) -> Result<()> {
    let live: Vec<&str> = active.live().map(|task| task.id.as_str()).collect();
    let more = if live.len() > NAMED { ", …" } else { "" };
    anyhow::ensure!(
        live.is_empty(),
        "could not remove the history: {} not finished ({}{more}); wait for them or `sisyphus cancel` them",
        if live.len() == 1 {
            "1 task has".to_owned()
        } else {
            format!("{} tasks have", live.len())
        },
        live[..live.len().min(NAMED)].join(", "),
    );
    Ok(())
}

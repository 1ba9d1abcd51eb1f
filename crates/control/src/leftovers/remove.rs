//! Removes leftovers.

use std::fs;

use anyhow::{Context as _, Error, Result};
use sisyphus_base::atomic::if_found;
use sisyphus_state::line::remove_left_behind;
use sisyphus_state::reach::is_in_reach;
use sisyphus_state::reconcile::World;
use sisyphus_state::store::{Active, LOCK_WAIT_IN_RUNNER, Store, is_held};
use sisyphus_tasks::task::Task;

use super::leftover::{Kind, Leftover};

/// How many live tasks the error names.
const NAMED: usize = 5;

/// Removes leftovers, unless they are in use again. Returns what was removed, and the errors.
pub fn remove(
    store: &Store,
    world: &World<'_>,
    leftovers: Vec<Leftover>,
) -> (Vec<Leftover>, Vec<Error>) {
    let (mut gone, mut errors) = (Vec::new(), Vec::new());
    let (records, leftovers): (Vec<Leftover>, Vec<Leftover>) =
        leftovers.into_iter().partition(|it| it.kind == Kind::Record);
    if !records.is_empty() {
        let dropped = store.update(world, LOCK_WAIT_IN_RUNNER, |active, _| {
            let is_meant =
                |task: &Task| records.iter().any(|it| it.task.as_ref() == Some(&task.id));
            active.tasks.retain(|task| is_in_reach(task) || !is_meant(task));
        });
        match dropped {
            Ok(()) => gone.extend(records),
            Err(error) => errors.push(error),
        }
    }
    let (shared, others): (Vec<Leftover>, Vec<Leftover>) =
        leftovers.into_iter().partition(|it| is_shared(it.kind));
    let mut take = |leftover: Leftover| match try_remove(&leftover) {
        Ok(()) => gone.push(leftover),
        Err(error) => errors.push(error),
    };
    others.into_iter().filter(is_free).for_each(&mut take);
    if !shared.is_empty() {
        let removed = store.with_lock(LOCK_WAIT_IN_RUNNER, || {
            shared.into_iter().filter(is_unchanged).for_each(&mut take);
        });
        errors.extend(removed.err());
    }
    gone.sort_by(|one, other| one.path.cmp(&other.path));
    (gone, errors)
}

/// Removes the whole history, and everything that was kept with it, unless a task has started since.
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

pub(super) fn refuse_live(active: &Active) -> Result<()> {
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

/// Whether other processes append to it, or replace it, under the lock.
fn is_shared(kind: Kind) -> bool {
    matches!(kind, Kind::Archive | Kind::Events | Kind::Session | Kind::History | Kind::Record)
}

fn is_unchanged(leftover: &Leftover) -> bool {
    let modified = leftover.path.symlink_metadata().and_then(|metadata| metadata.modified());
    modified.is_ok_and(|modified| modified == leftover.modified)
}

pub(super) fn is_free(leftover: &Leftover) -> bool {
    let lock = match leftover.kind {
        Kind::RunFolder => leftover.path.join("lock"),
        // If a waiter takes it at this moment, two may wait for the session. A second wake-up costs no turn.
        Kind::Waiter => leftover.path.with_extension("lock"),
        Kind::Conversation => leftover.path.clone(),
        // A running program continues without its file.
        Kind::Runner => return is_unchanged(leftover),
        Kind::Record
        | Kind::History
        | Kind::Output
        | Kind::Archive
        | Kind::Events
        | Kind::Corrupt
        | Kind::Session
        | Kind::Temporary
        // Checked under its own lock.
        | Kind::Line
        | Kind::Handoff => return true,
    };
    !is_held(&lock).unwrap_or(true)
}

fn try_remove(leftover: &Leftover) -> Result<()> {
    let removed = match leftover.kind {
        // The commit removes it.
        Kind::Record => Ok(()),
        Kind::RunFolder => fs::remove_dir_all(&leftover.path).inspect(|()| {
            // The folder of the session goes with its last run.
            let _ = leftover.path.parent().map(fs::remove_dir);
        }),
        Kind::Line => remove_left_behind(&leftover.path),
        Kind::History
        | Kind::Output
        | Kind::Archive
        | Kind::Events
        | Kind::Corrupt
        | Kind::Session
        | Kind::Temporary
        | Kind::Waiter
        | Kind::Conversation
        | Kind::Runner
        | Kind::Handoff => fs::remove_file(&leftover.path),
    };
    // Another process may have removed it.
    if_found(removed)
        .map(drop)
        .with_context(|| format!("could not remove `{}`", leftover.path.display()))
}

//! Imports the state that 0.1.0 left in `.sisyphus/background-tasks`, once.
//!
//! A sandboxed command of a session that was started in the home folder can write there. So the import happens once,
//! and the note [`StateDir::imported`] prevents another. Only the output of a command that an old runner still watched
//! is copied later ([`kept_by_0_1`](crate::output::kept_by_0_1)). Every step can be repeated, so a kill during the import loses nothing. The old
//! folder stays for a month, because the shells of running sessions name the runner in it.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use anyhow::{Context as _, Result};
use serde_json::{Map, Value, json};
use sisyphus_base::atomic;
use sisyphus_base::clock::Now;
use sisyphus_base::hook_log;
use sisyphus_base::id::{SessionId, TaskId};
use sisyphus_base::paths::{StateDir, create_dir};
use sisyphus_base::sys;
use sisyphus_tasks::delivery::DeliveryEvent;
use sisyphus_tasks::task::Task;

use crate::output::{adopt, left_by_0_1};
use crate::reconcile::World;
use crate::store::{Active, Lock, Store};

/// How long the old folder stays after the import.
const STAYS: Duration = Duration::from_secs(30 * 24 * 60 * 60);
/// How long an importing process waits for each of the two locks.
const LOCK_WAIT: Duration = Duration::from_secs(2);
/// Largest state file that is read, in bytes: the limit of 0.1.0.
const MAX_BYTES: u64 = 64 * 1024 * 1024;

/// What happens to unfinished tasks and to results that are still owed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Live {
    /// They move. Every running session starts its hooks through the link `skills/sisyphus` (CC-6). Once the installer
    /// has switched the link, no old hook handles them.
    Move,
    /// They stay with the old hooks, which a session of a marketplace copy keeps until it ends.
    Leave,
}

impl Live {
    /// For a hook of the plugin in `plugin_root`.
    pub fn beside(plugin_root: Option<&Path>, state: &StateDir) -> Self {
        let link = state.config_dir().map(|config| config.join("skills/sisyphus"));
        if link.is_some() && plugin_root == link.as_deref() { Self::Move } else { Self::Leave }
    }
}

/// Imports what 0.1.0 left, unless that has happened already or there is nothing.
pub fn import(store: &Store, world: &World<'_>, live: Live) -> Result<()> {
    let Some(old) = left_by_0_1(store.dir()) else { return Ok(()) };
    if store.dir().imported().exists() {
        return Ok(());
    }
    store.dir().create()?;
    copy_outputs(&old, store.dir());
    copy_archive(&old, store.dir())?;
    let lock = match live {
        Live::Move => Some(Lock::acquire(&old.lock(), LOCK_WAIT)?),
        Live::Leave => None,
    };
    let known = store.read_recent(|_| {}).into_iter().map(|task| task.id).collect();
    let mut left = history(&old, store);
    if live == Live::Move {
        left.extend(live_tasks(&old)?);
    }
    store.update(world, LOCK_WAIT, |active, now| take_over(active, &known, left, now))?;
    if live == Live::Move {
        clear_live(&old)?;
    }
    drop(lock);
    note_as_imported(store.dir())
}

/// Notes that nothing is left to import, so that files which appear in the old folder later are never trusted.
pub fn note_as_imported(state: &StateDir) -> Result<()> {
    let note = state.imported();
    if note.exists() {
        return Ok(());
    }
    atomic::write(&note, format!("{}\n", chrono::Utc::now().to_rfc3339()).as_bytes())
}

/// Creates the link for people where the documents say that the state is. It replaces nothing except the folder of
/// 0.1.0, a month after the import. No part of the plugin follows the link.
pub fn link_for_people(state: &StateDir) -> Result<()> {
    let Some(link) = state.for_people() else { return Ok(()) };
    let context = || format!("could not make the link `{}`", link.display());
    let age = state.imported().metadata().and_then(|note| note.modified()).ok();
    let age = age.and_then(|at| SystemTime::now().duration_since(at).ok());
    if let Some(old) = left_by_0_1(state)
        && age.is_some_and(|age| age > STAYS)
    {
        fs::remove_dir_all(old.root()).with_context(context)?;
    }
    if link.symlink_metadata().is_ok() {
        return Ok(());
    }
    let parent = link.parent().context("the link has a parent")?;
    sys::create_private_dir_all(parent).with_context(context)?;
    match sys::link_dir(state.root(), &link) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
            Err(error).with_context(context)
        }
        _ => Ok(()),
    }
}

/// Best effort: an output that can't be copied is lost, and the rest goes on.
fn copy_outputs(old: &StateDir, state: &StateDir) {
    for entry in entries(&old.output_dir()) {
        let name = entry.file_name();
        let id = name.to_str().and_then(|name| TaskId::new(name.strip_suffix(".log")?).ok());
        let Some(target) = id.map(|id| state.output(&id)) else { continue };
        if target.exists() {
            continue;
        }
        let copied = create_dir(&state.output_dir()).and_then(|()| {
            let mut source = sys::open_own_file(&entry.path())?;
            let modified = source.metadata()?.modified()?;
            adopt(&mut source, &target)?;
            // Keep its age: `sisyphus clean` decides by it.
            Ok(File::options().write(true).open(&target)?.set_modified(modified)?)
        });
        if let Err(error) = copied {
            hook_log::append(state, "import", &format!("{error:#}"));
        }
    }
}

/// Copies each month under a separate name that sorts before ours.
fn copy_archive(old: &StateDir, state: &StateDir) -> Result<()> {
    for entry in entries(&old.archive_dir()) {
        let name = entry.file_name();
        let Some(month) = name.to_str().and_then(|name| name.strip_suffix(".jsonl")) else {
            continue;
        };
        let target = state.archive_dir().join(format!("0.1-{month}.jsonl"));
        if target.exists() {
            continue;
        }
        let context = || format!("could not copy `{}`", entry.path().display());
        sys::create_private_dir_all(&state.archive_dir()).with_context(context)?;
        // A reader must not see a month before it is complete.
        let mut source = sys::open_own_file(&entry.path()).with_context(context)?;
        let copied = atomic::replace_with(&target, |mut copy| {
            io::copy(&mut source, &mut copy)?;
            copy.set_modified(source.metadata()?.modified()?)
        });
        copied.with_context(context)?;
    }
    Ok(())
}

/// A task of 0.1.0 that still needs work.
struct Left {
    task: Task,
    state: Due,
}

enum Due {
    /// It has not finished.
    Live,
    /// Its session has not read how it finished.
    Owed,
    Nothing,
}

/// The newest history. An unreadable file is logged and skipped.
fn history(old: &StateDir, store: &Store) -> Vec<Left> {
    let from = Store::new(old.clone());
    let log = |error: &anyhow::Error| {
        hook_log::append(store.dir(), "import", &format!("{error:#}"));
    };
    let tasks = from.read_recent(log).into_iter().filter(|task| task.status().is_final());
    tasks.map(|task| Left { task, state: Due::Nothing }).collect()
}

/// Unfinished tasks and owed results. 0.1.0 kept copies of the owed ones in a file for each session.
fn live_tasks(old: &StateDir) -> Result<Vec<Left>> {
    let mut left = Vec::new();
    for (session, path) in outboxes(old) {
        let Some(outbox) = read::<Value>(&path)? else { continue };
        let claims = outbox["claims"].as_array().into_iter().flatten();
        let claimed = claims.filter_map(|claim| claim["tasks"].as_array());
        let owed = claimed.chain(outbox["owed"].as_array()).flatten();
        let owed = owed.filter_map(task).filter(|task| task.session == session);
        left.extend(owed.map(|task| Left { task, state: Due::Owed }));
    }
    let active = read::<Value>(&old.active())?.unwrap_or_default();
    let live = active["tasks"].as_array().into_iter().flatten().filter_map(task);
    left.extend(live.map(|task| Left { task, state: Due::Live }));
    Ok(left)
}

/// Reads a record of 0.1.0 that Claude Code had confirmed. Its runner leaves the result in a folder named by the task
/// id.
fn task(record: &Value) -> Option<Task> {
    if record["client"]["said_by"] != "client" {
        return None;
    }
    let mut task: Task = serde_json::from_slice(record.to_string().as_bytes()).ok()?;
    if let Some(root) = record["run_root"].as_str().map(Path::new) {
        task.client_tmp = root.parent().map(Path::to_owned);
        task.old_run = Some(task.id.clone());
    }
    Some(task)
}

/// Adds the tasks that the new state does not know.
fn take_over(active: &mut Active, known: &BTreeSet<TaskId>, left: Vec<Left>, now: Now) {
    // The history of 0.1.0 also contains an owed result: the record that still needs work is effective.
    let mut seen = known.clone();
    seen.extend(active.tasks.iter().map(|task| task.id.clone()));
    let is_nothing = |it: &Left| matches!(it.state, Due::Nothing);
    let (finished, due): (Vec<Left>, Vec<Left>) = left.into_iter().partition(is_nothing);
    for Left { mut task, state } in due.into_iter().chain(finished) {
        if !seen.insert(task.id.clone()) {
            continue;
        }
        match state {
            Due::Live => {}
            Due::Owed => task.deliver(DeliveryEvent::Finished, now.tick),
            Due::Nothing => task.deliver(DeliveryEvent::FinishedKnown, now.tick),
        }
        active.insert(task);
    }
}

/// Empties the live files, so that old processes find nothing to reconcile and nothing to report. The caller holds the
/// old lock.
fn clear_live(old: &StateDir) -> Result<()> {
    if let Some(mut active) = read::<Map<String, Value>>(&old.active())? {
        active.insert("tasks".to_owned(), json!([]));
        active.remove("agents");
        atomic::write(&old.active(), Value::from(active).to_string().as_bytes())?;
    }
    for (_, path) in outboxes(old) {
        fs::remove_file(&path).with_context(|| format!("could not remove `{}`", path.display()))?;
    }
    Ok(())
}

fn outboxes(old: &StateDir) -> impl Iterator<Item = (SessionId, PathBuf)> + use<> {
    entries(&old.root().join("outbox")).filter_map(|entry| {
        let name = entry.file_name();
        let session = SessionId::new(name.to_str()?.strip_suffix(".json")?).ok()?;
        Some((session, entry.path()))
    })
}

/// The entries of a folder; none if it is missing or a link.
fn entries(dir: &Path) -> impl Iterator<Item = fs::DirEntry> + use<> {
    let is_folder = dir.symlink_metadata().is_ok_and(|metadata| metadata.is_dir());
    let entries = is_folder.then(|| fs::read_dir(dir).ok()).flatten();
    entries.into_iter().flatten().flatten()
}

/// A file that does not parse counts as missing: 0.1.0 would have set it aside.
fn read<T: serde::de::DeserializeOwned>(path: &Path) -> Result<Option<T>> {
    Ok(atomic::read(path, MAX_BYTES)?.and_then(|bytes| serde_json::from_slice(&bytes).ok()))
}

#[cfg(test)]
mod tests;

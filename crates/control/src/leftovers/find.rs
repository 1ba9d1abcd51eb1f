//! Finds files that can be removed.

use std::path::Path;
use std::time::{Duration, SystemTime};

use anyhow::Result;
use sisyphus_state::line::{self, RuntimeDir};
use sisyphus_state::reach::is_in_reach;
use sisyphus_state::run_root::RunRoot;
use sisyphus_state::store::Store;
use sisyphus_tasks::task::Task;

use super::leftover::{Candidate, Extent, Kind, Leftover, STALE};
use super::listing::{Entry, files, folders};
use super::needed::Needed;
use super::remove::{is_free, refuse_live};

/// A call that was announced longer ago belongs to a killed session.
const DAY: Duration = Duration::from_secs(24 * 60 * 60);
/// A session that was inactive for this long is over, however short a time outputs are kept. Claude Code itself has
/// forgotten the conversation then.
const LONG: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// Finds what can be removed. A file that people have no use for can be removed after an hour. A live task is an error if everything
/// is to be removed: its runner and its session still need its files.
pub fn find(
    store: &Store,
    roots: &[RunRoot],
    runtime: Option<&RuntimeDir>,
    extent: Extent,
    now: SystemTime,
) -> Result<Vec<Leftover>> {
    if extent == Extent::Everything {
        refuse_live(store.read_active()?.as_ref())?;
    }
    let candidates = candidates(store, roots, runtime, extent)?;
    let needed = Needed::read(store, &candidates, extent, now)?;
    let mut found = records(store, extent)?;
    for candidate in candidates {
        if needed.has(&candidate) || !candidate.entry.is_older(needed.keep(&candidate), now) {
            continue;
        }
        let leftover = candidate.into_leftover()?;
        if is_free(&leftover) {
            found.push(leftover);
        }
    }
    found.sort_by(|one, other| one.path.cmp(&other.path));
    Ok(found)
}

/// The records that can be removed.
fn records(store: &Store, extent: Extent) -> Result<Vec<Leftover>> {
    let (path, modified) = (store.dir().active(), SystemTime::UNIX_EPOCH);
    let active = store.read_active()?;
    let is_meant = |task: &&Task| extent == Extent::Everything || !is_in_reach(task);
    let of = |task: &Task| {
        let (task, path, bytes) = (Some(task.id.clone()), path.clone(), 0);
        Leftover { kind: Kind::Record, task, path, bytes, modified }
    };
    Ok(active.tasks.iter().filter(is_meant).map(of).collect())
}

/// All files and run folders, by their kind.
fn candidates(
    store: &Store,
    roots: &[RunRoot],
    runtime: Option<&RuntimeDir>,
    extent: Extent,
) -> Result<Vec<Candidate>> {
    let state = store.dir();
    let age = match extent {
        Extent::Leftovers(age) => age,
        Extent::Everything => Duration::ZERO,
    };
    let long = age.max(LONG);
    let mut found = Vec::new();
    let mut add = |kind, keep, dir: &Path, is_meant: fn(&Entry) -> bool| {
        let meant = files(dir)?.into_iter().filter(is_meant);
        found.extend(meant.map(|entry| Candidate { kind, entry, keep }));
        anyhow::Ok(())
    };
    add(Kind::Output, age, &state.output_dir(), |it| it.output_of().is_some())?;
    add(Kind::Archive, age, &state.archive_dir(), Entry::is_archive)?;
    add(Kind::Events, age, state.root(), Entry::is_events)?;
    // This file is written once, and is needed as long as the session continues.
    add(Kind::Session, long, &state.sessions_dir(), |it| it.session().is_some())?;
    add(Kind::Waiter, long, &state.wake_dir(), |it| it.session().is_some())?;
    add(Kind::Conversation, long, &state.conversations_dir(), |it| it.session().is_some())?;
    add(Kind::Runner, long, &state.runner_dir(), Entry::is_runner)?;
    add(Kind::Handoff, STALE, &state.claims_dir(), Entry::is_handoff)?;
    add(Kind::Handoff, STALE, &state.transfers_dir(), Entry::is_left)?;
    for root in roots {
        add(Kind::Handoff, STALE, &root.claims_dir(), Entry::is_handoff)?;
    }
    for session in folders(&state.announced_dir())? {
        // A permission prompt may stay open for a long time.
        add(Kind::Handoff, DAY, &session.path, |_| true)?;
    }
    for dir in line::folders(runtime, roots) {
        add(Kind::Line, STALE, &dir, |it| line::is_left_behind(&it.path))?;
    }
    if let Some(runtime) = runtime {
        add(Kind::Temporary, STALE, &runtime.agents(), Entry::is_temporary)?;
    }
    for dir in [
        state.root().to_owned(),
        state.archive_dir(),
        state.inbox_dir(),
        state.sessions_dir(),
        state.output_dir(),
        state.runner_dir(),
        state.wake_dir(),
    ] {
        add(Kind::Temporary, STALE, &dir, Entry::is_temporary)?;
        add(Kind::Corrupt, age, &dir, Entry::is_corrupt)?;
    }
    if extent == Extent::Everything {
        add(Kind::History, age, state.root(), Entry::is_history)?;
    }
    for dir in roots.iter().map(RunRoot::runs_dir).chain([state.runs_dir()]) {
        for session in folders(&dir)? {
            let runs = folders(&session.path)?.into_iter().filter(|it| it.run_of().is_some());
            found.extend(runs.map(|entry| run_folder(entry, extent)));
        }
    }
    Ok(found)
}

/// The folder of a command that has finished, or of a foreground command with the text of a background one.
fn run_folder(entry: Entry, extent: Extent) -> Candidate {
    let has = |file| entry.path.join(file).exists();
    let keep = match extent {
        // A result that another installation has not read yet is kept as long as an output, because nothing says whose
        // it is.
        Extent::Leftovers(age) if has("result.json") => age.max(STALE),
        Extent::Everything if has("attached.json") => Duration::ZERO,
        // A run without a runner may be about to get one.
        Extent::Leftovers(_) | Extent::Everything => STALE,
    };
    Candidate { kind: Kind::RunFolder, entry, keep }
}

//! Finds files that can be removed.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use anyhow::Result;
use chrono::NaiveDateTime;
use serde::Serialize;
use sisyphus_base::id::{ClientTaskId, SessionId, TaskId};
use sisyphus_state::line::{self, RuntimeDir};
use sisyphus_state::reach::is_in_reach;
use sisyphus_state::run_root::RunRoot;
use sisyphus_state::store::{Store, is_held};
use sisyphus_tasks::task::Task;

use super::listing::{Entry, files, folders};
use super::live::{LONG, Live};
use super::needed::{Needed, unknown};

/// A short-lived file is left over from this age on. It normally lives for milliseconds, so the process that wrote it
/// has died.
pub(super) const STALE: Duration = Duration::from_secs(60 * 60);
/// A call that was announced longer ago belongs to a killed session.
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// What a leftover is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A record of a task that has finished, or that can't be judged from here.
    Record,
    /// Finished tasks.
    History,
    Output,
    Archive,
    /// A state file that was set aside because it was broken, or the reason for that.
    Corrupt,
    Session,
    /// A file that a process was writing.
    Temporary,
    /// A message to another process that never read it.
    Handoff,
    /// A file of a waiter that was to wake a session.
    Waiter,
    /// A runner of another version.
    Runner,
    RunFolder,
    /// An entry of a killed runner in the queue.
    Line,
}

/// A file or a run folder that can be removed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leftover {
    pub kind: Kind,
    /// The task, if it is a record.
    pub task: Option<TaskId>,
    pub path: PathBuf,
    pub bytes: u64,
    pub(super) modified: SystemTime,
}

/// Finds what can be removed: files that people may want to read if they are older than `age`, other files after an
/// hour.
pub fn find(
    store: &Store,
    roots: &[RunRoot],
    runtime: Option<&RuntimeDir>,
    age: Duration,
    now: SystemTime,
) -> Result<Vec<Leftover>> {
    let listed = Listed::read(store, roots, runtime)?;
    let long = age.max(LONG);
    let young = |it: &Entry| !is_older(it, long, now);
    let heard_of = listed.sessions_heard_of(young);
    let needed = Needed::read(store)?;
    let out_of_reach = records(store, |task| !is_in_reach(task))?;
    let search = Search { needed, age, now };
    let live = Live { needed: &search.needed, heard_of };

    let runners = live.unneeded_runners(&store.dir().runner(), &listed.sessions, listed.runners);

    let mut found = search.outputs(store, listed.outputs)?;
    found.extend(out_of_reach);
    found.extend(search.pick(Kind::Archive, age, listed.archives));
    // This file is written once, and is needed as long as the session continues.
    found.extend(search.pick(Kind::Session, long, live.unneeded(listed.sessions)));
    found.extend(search.pick(Kind::Corrupt, age, listed.corrupt));
    found.extend(search.pick(Kind::Temporary, STALE, listed.temporary));
    found.extend(search.pick(Kind::Handoff, STALE, listed.handoffs));
    found.extend(search.pick(Kind::Waiter, long, live.unneeded_waiters(store, listed.waiters)));
    found.extend(search.pick(Kind::Runner, long, runners));
    found.extend(search.pick(Kind::Line, STALE, listed.line));
    found.extend(search.pick(Kind::Handoff, DAY, listed.announced));
    found.extend(search.runs(listed.runs)?);
    found.sort_by(|one, other| one.path.cmp(&other.path));
    Ok(found)
}

/// The records of these tasks.
pub(super) fn records(store: &Store, is_meant: impl Fn(&Task) -> bool) -> Result<Vec<Leftover>> {
    let (path, modified) = (store.dir().active(), SystemTime::UNIX_EPOCH);
    let active = store.read_active()?;
    let of = |task: &Task| {
        let (task, path, bytes) = (Some(task.id.clone()), path.clone(), 0);
        Leftover { kind: Kind::Record, task, path, bytes, modified }
    };
    Ok(active.tasks.iter().filter(|task| is_meant(task)).map(of).collect())
}

/// All files, by their kind.
struct Listed {
    outputs: Vec<Entry>,
    archives: Vec<Entry>,
    sessions: Vec<Entry>,
    corrupt: Vec<Entry>,
    temporary: Vec<Entry>,
    handoffs: Vec<Entry>,
    waiters: Vec<Entry>,
    runners: Vec<Entry>,
    line: Vec<Entry>,
    announced: Vec<Entry>,
    runs: Vec<FoundRun>,
}

impl Listed {
    fn read(store: &Store, roots: &[RunRoot], runtime: Option<&RuntimeDir>) -> Result<Self> {
        let state = store.dir();
        let mut listed = Self {
            outputs: files(&state.output_dir())?,
            archives: keep(files(&state.archive_dir())?, Entry::is_archive),
            sessions: files(&state.sessions_dir())?,
            corrupt: Vec::new(),
            temporary: Vec::new(),
            handoffs: keep(files(&state.claims_dir())?, Entry::is_handoff),
            waiters: files(&state.wake_dir())?,
            runners: keep(files(&state.runner_dir())?, Entry::is_runner),
            line: Vec::new(),
            announced: Vec::new(),
            runs: Vec::new(),
        };
        for dir in line::folders(runtime, roots) {
            let mut left = files(&dir)?;
            left.retain(|it| line::is_left_behind(&it.path));
            listed.line.extend(left);
        }
        if let Some(runtime) = runtime {
            listed.temporary.extend(keep(files(&runtime.agents())?, Entry::is_temporary));
        }
        let ours = [
            state.root().to_owned(),
            state.archive_dir(),
            state.inbox_dir(),
            state.sessions_dir(),
            state.output_dir(),
            state.runner_dir(),
            state.wake_dir(),
        ];
        for dir in &ours {
            listed.temporary.extend(keep(files(dir)?, Entry::is_temporary));
            listed.corrupt.extend(keep(files(dir)?, Entry::is_corrupt).into_iter().map(set_aside));
        }
        listed.handoffs.extend(keep(files(&state.transfers_dir())?, Entry::is_left));
        for root in roots {
            listed.handoffs.extend(keep(files(&root.claims_dir())?, Entry::is_handoff));
            listed.runs.extend(runs(&root.runs_dir())?);
        }
        for session in folders(&state.announced_dir())? {
            // A permission prompt may stay open for a long time.
            listed.announced.extend(files(&session.path)?);
        }
        listed.runs.extend(runs(&state.runs_dir())?);
        Ok(listed)
    }

    /// The sessions with a young file.
    fn sessions_heard_of(&self, is_young: impl Fn(&Entry) -> bool) -> HashSet<SessionId> {
        let files = self.sessions.iter().filter(|it| is_young(it));
        let waiters = self.waiters.iter().filter(|it| is_young(it));
        files.filter_map(Entry::session).chain(waiters.filter_map(Entry::waiter_of)).collect()
    }
}

pub(super) fn is_older(entry: &Entry, age: Duration, now: SystemTime) -> bool {
    now.duration_since(entry.modified).unwrap_or_default() >= age
}

fn keep(mut entries: Vec<Entry>, is_meant: fn(&Entry) -> bool) -> Vec<Entry> {
    entries.retain(is_meant);
    entries
}

/// An entry whose age counts from when it was set aside. The time is in its name, because the file itself is as old as
/// its last change.
fn set_aside(entry: Entry) -> Entry {
    let stamp = entry.name.rsplit_once(".corrupt-").map_or("", |(_, stamp)| stamp);
    let stamp = stamp.strip_suffix(".reason").unwrap_or(stamp);
    let at = NaiveDateTime::parse_from_str(stamp, "%Y%m%dT%H%M%S%3f");
    Entry { modified: at.map_or(entry.modified, |at| at.and_utc().into()), ..entry }
}

struct Search {
    needed: Needed,
    age: Duration,
    now: SystemTime,
}

impl Search {
    fn is_older(&self, entry: &Entry, age: Duration) -> bool {
        is_older(entry, age, self.now)
    }

    fn pick(&self, kind: Kind, age: Duration, entries: Vec<Entry>) -> Vec<Leftover> {
        let old = entries.into_iter().filter(|entry| self.is_older(entry, age));
        old.map(|entry| leftover(kind, entry)).collect()
    }

    /// Old outputs, and outputs that no record knows. A copy is made before it is recorded, so those must be an hour
    /// old.
    fn outputs(&self, store: &Store, mut outputs: Vec<Entry>) -> Result<Vec<Leftover>> {
        outputs.retain(|it| it.output_of().is_some_and(|task| !self.needed.output(&task)));
        let unknown = unknown(store, outputs.iter().filter_map(Entry::output_of))?;
        let is_unknown = |it: &Entry| it.output_of().is_some_and(|task| unknown.contains(&task));
        let (unknown, known): (Vec<Entry>, Vec<Entry>) = outputs.into_iter().partition(is_unknown);
        let mut found = self.pick(Kind::Output, self.age, known);
        found.extend(self.pick(Kind::Output, STALE, unknown));
        Ok(found)
    }

    /// Runs of commands that have finished, or of foreground commands with the text of a background one. A result that
    /// another installation has not read yet is kept as long as an output, because nothing says whose it is.
    fn runs(&self, runs: Vec<FoundRun>) -> Result<Vec<Leftover>> {
        let mut found = Vec::new();
        for FoundRun { session, id, entry } in runs {
            if self.needed.has_run(&session, &id) {
                continue;
            }
            let has_result = entry.path.join("result.json").exists();
            let age = if has_result { self.age.max(STALE) } else { STALE };
            let is_over = !is_held(&entry.path.join("lock")).unwrap_or(true);
            if is_over && self.is_older(&entry, age) {
                let bytes = size(&entry.path)?;
                found.push(Leftover { bytes, ..leftover(Kind::RunFolder, entry) });
            }
        }
        Ok(found)
    }
}

/// The folder of a run, with the ids from its path.
pub(super) struct FoundRun {
    session: SessionId,
    id: ClientTaskId,
    pub(super) entry: Entry,
}

/// All runs below a folder. A folder whose name is not a run's is not ours.
pub(super) fn runs(dir: &Path) -> Result<Vec<FoundRun>> {
    let mut found = Vec::new();
    for of_session in folders(dir)? {
        let Ok(session) = SessionId::new(of_session.name) else { continue };
        for entry in folders(&of_session.path)? {
            let Ok(id) = ClientTaskId::new(entry.name.clone()) else { continue };
            found.push(FoundRun { session: session.clone(), id, entry });
        }
    }
    Ok(found)
}

pub(super) fn leftover(kind: Kind, entry: Entry) -> Leftover {
    Leftover { kind, task: None, path: entry.path, bytes: entry.bytes, modified: entry.modified }
}

pub(super) fn size(folder: &Path) -> Result<u64> {
    Ok(files(folder)?.iter().map(|file| file.bytes).sum())
}

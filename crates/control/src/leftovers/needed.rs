//! What must be kept: what the live records need, and what sessions need that may continue. No file says that a session
//! is over for good: it may have been killed, or be resumed.

use std::collections::HashSet;
use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use anyhow::{Context as _, Result};
use sisyphus_base::atomic;
use sisyphus_base::id::{ClientTaskId, SessionId, TaskId};
use sisyphus_base::paths::StateDir;
use sisyphus_state::store::Store;
use sisyphus_tasks::task::Task;

use super::leftover::{Candidate, Extent, Kind, STALE};
use super::listing::{Entry, files};

/// What must be kept.
pub(super) struct Needed {
    /// The tasks with a live record: they have not finished, or their result is owed.
    tasks: HashSet<TaskId>,
    runs: HashSet<(SessionId, ClientTaskId)>,
    /// The sessions that may continue: those of live records, and those with a young file.
    sessions: HashSet<SessionId>,
    /// The one runner that a shell may name: every session that may continue started after it was installed. `None` if
    /// that is not so, since each shell names the runner that its session started with.
    only_runner: Option<PathBuf>,
    /// Outputs that no record knows. A copy is made before it is recorded.
    unknown_outputs: HashSet<TaskId>,
}

impl Needed {
    /// Reads it after the candidates were listed.
    pub(super) fn read(
        store: &Store,
        candidates: &[Candidate],
        extent: Extent,
        now: SystemTime,
    ) -> Result<Self> {
        let active = store.read_active()?;
        let young = candidates.iter().filter(|it| !it.entry.is_older(it.keep, now));
        let of_sessions = young.filter(|it| matches!(it.kind, Kind::Session | Kind::Waiter));
        let heard_of = of_sessions.filter_map(|it| it.entry.session());
        let with_records = active.tasks.iter().map(|task| task.session.clone());
        let sessions: HashSet<SessionId> = with_records.chain(heard_of).collect();
        let only_runner = only_runner(store.dir(), candidates, &sessions);
        // If everything goes, the records go too, and nothing is kept for them.
        let has_records = extent != Extent::Everything;
        let records = active.tasks.iter().filter(|_| has_records);
        let tasks: HashSet<TaskId> = records.clone().map(|task| task.id.clone()).collect();
        // The run of a session has the name of its task.
        let of_session = |task: &Task| ClientTaskId::new(task.id.as_str()).ok();
        let run = |task: &Task| {
            let id = task.client_id().cloned().or_else(|| of_session(task))?;
            Some((task.started_in().clone(), id))
        };
        let runs = records.filter_map(run).collect();
        let outputs = candidates.iter().filter(|it| has_records && it.kind == Kind::Output);
        let mut outputs: HashSet<TaskId> = outputs.filter_map(|it| it.entry.output_of()).collect();
        outputs.retain(|task| !tasks.contains(task));
        let unknown_outputs = unknown(store.dir(), outputs)?;
        Ok(Self { tasks, runs, sessions, only_runner, unknown_outputs })
    }

    /// Whether it must be kept, however old it is.
    pub(super) fn has(&self, candidate: &Candidate) -> bool {
        let entry = &candidate.entry;
        match candidate.kind {
            Kind::Output => entry.output_of().is_some_and(|task| self.tasks.contains(&task)),
            Kind::RunFolder => entry.run_of().is_some_and(|run| self.runs.contains(&run)),
            Kind::Session | Kind::Waiter => {
                entry.session().is_some_and(|session| self.sessions.contains(&session))
            }
            Kind::Runner => self.only_runner.as_ref().is_none_or(|only| entry.path == *only),
            Kind::Record
            | Kind::History
            | Kind::Archive
            | Kind::Events
            | Kind::Corrupt
            | Kind::Temporary
            | Kind::Handoff
            | Kind::Conversation
            | Kind::Line => false,
        }
    }

    /// The age from which on it can be removed.
    pub(super) fn keep(&self, candidate: &Candidate) -> Duration {
        let task = candidate.entry.output_of();
        match task.filter(|task| self.unknown_outputs.contains(task)) {
            Some(_) => STALE,
            None => candidate.keep,
        }
    }
}

fn only_runner(
    state: &StateDir,
    candidates: &[Candidate],
    sessions: &HashSet<SessionId>,
) -> Option<PathBuf> {
    let current = state.runner();
    let made = current.metadata().and_then(|it| it.created().or_else(|_| it.modified())).ok();
    let notes = candidates.iter().filter(|it| it.kind == Kind::Session).map(|it| &it.entry);
    let started_later = notes.filter(|note| made.is_some_and(|made| note.modified >= made));
    let started_later: HashSet<SessionId> = started_later.filter_map(Entry::session).collect();
    sessions.is_subset(&started_later).then_some(current)
}

/// Those of the tasks that are in no record. Broken records count too: every record quotes the id.
fn unknown(state: &StateDir, mut tasks: HashSet<TaskId>) -> Result<HashSet<TaskId>> {
    let mut records: Vec<Entry> = Vec::new();
    for dir in [state.root().to_owned(), state.archive_dir()] {
        let is_record = |entry: &Entry| entry.name.contains(".json") && !entry.is_events();
        records.extend(files(&dir)?.into_iter().filter(is_record));
    }
    for entry in records {
        if tasks.is_empty() {
            break;
        }
        let context = || format!("could not read `{}`", entry.path.display());
        let Some(file) = atomic::open(&entry.path).with_context(context)? else { continue };
        for word in BufReader::new(file).split(b'"') {
            let word = String::from_utf8(word.with_context(context)?).ok();
            if let Some(id) = word.and_then(|word| TaskId::new(word).ok()) {
                tasks.remove(&id);
            }
        }
    }
    Ok(tasks)
}

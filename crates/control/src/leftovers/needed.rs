//! What must be kept.

use std::collections::HashSet;
use std::io::{self, BufRead as _, BufReader};

use anyhow::{Context as _, Result};
use sisyphus_base::id::{ClientTaskId, SessionId, TaskId};
use sisyphus_base::sys;
use sisyphus_state::store::Store;

use super::listing::{Entry, files};

/// What the tasks with a live record need: they have not finished, or their result is owed.
#[derive(Debug)]
pub(super) struct Needed {
    active: HashSet<TaskId>,
    runs: HashSet<(SessionId, ClientTaskId)>,
    sessions: HashSet<SessionId>,
}

impl Needed {
    pub(super) fn read(store: &Store) -> Result<Self> {
        let active = store.read_active()?;
        let active = &active.tasks;
        let run = |task: &sisyphus_tasks::task::Task| {
            Some((task.started_in().clone(), task.client_id()?.clone()))
        };
        Ok(Self {
            sessions: active.iter().map(|task| task.session.clone()).collect(),
            runs: active.iter().filter_map(run).collect(),
            active: active.iter().map(|task| task.id.clone()).collect(),
        })
    }

    pub(super) fn has_run(&self, session: &SessionId, id: &ClientTaskId) -> bool {
        self.runs.contains(&(session.clone(), id.clone()))
    }

    pub(super) fn output(&self, task: &TaskId) -> bool {
        self.active.contains(task)
    }

    pub(super) fn sessions(&self) -> impl Iterator<Item = &SessionId> {
        self.sessions.iter()
    }

    pub(super) fn session(&self, session: &SessionId) -> bool {
        self.sessions.contains(session)
    }
}

/// The tasks that are in no record. Broken records count too: every record quotes the id.
pub(super) fn unknown(
    store: &Store,
    tasks: impl Iterator<Item = TaskId>,
) -> Result<HashSet<TaskId>> {
    let mut unknown: HashSet<TaskId> = tasks.collect();
    let state = store.dir();
    let mut records: Vec<Entry> = Vec::new();
    for dir in [state.root().to_owned(), state.archive_dir()] {
        records.extend(files(&dir)?.into_iter().filter(|entry| entry.name.contains(".json")));
    }
    for entry in records {
        if unknown.is_empty() {
            break;
        }
        let context = || format!("could not read `{}`", entry.path.display());
        let file = match sys::open_own_file(&entry.path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            other => other.with_context(context)?,
        };
        for word in BufReader::new(file).split(b'"') {
            let word = String::from_utf8(word.with_context(context)?).ok();
            if let Some(id) = word.and_then(|word| TaskId::new(word).ok()) {
                unknown.remove(&id);
            }
        }
    }
    Ok(unknown)
}

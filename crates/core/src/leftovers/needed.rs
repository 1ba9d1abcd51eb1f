//! What must stay.

use std::collections::HashSet;
use std::io::{self, BufRead as _, BufReader};

use anyhow::{Context as _, Result};

use super::listing::{Entry, files, folders};
use crate::id::{SessionId, TaskId};
use crate::run_folder::RunRoot;
use crate::store::{Store, is_held};
use crate::sys;

/// What is needed by tasks that have not ended, and for results that are owed.
#[derive(Debug)]
pub(super) struct Needed {
    active: HashSet<TaskId>,
    owed: HashSet<TaskId>,
    sessions: HashSet<SessionId>,
}

impl Needed {
    /// What is owed to a session of which nothing was heard for long, nobody will ever be told.
    pub(super) fn read(store: &Store, heard_of: &HashSet<SessionId>) -> Result<Self> {
        let active = store.read_active()?.tasks;
        let mut needed = Self {
            sessions: active.iter().map(|task| task.session.clone()).collect(),
            active: active.into_iter().map(|task| task.id).collect(),
            owed: HashSet::new(),
        };
        for entry in files(&store.dir().outbox_dir())? {
            let Some(session) = entry.session() else { continue };
            // One that can't be understood may owe something: then nothing goes.
            let outbox = store.read_outbox(&session)?;
            let owed: Vec<TaskId> = outbox.held().map(|task| task.id.clone()).collect();
            let is_awaited = heard_of.contains(&session)
                || needed.sessions.contains(&session)
                || is_held(&store.dir().wake_lock(&session)).unwrap_or(true);
            if !owed.is_empty() && is_awaited {
                needed.sessions.insert(session);
                needed.owed.extend(owed);
            }
        }
        Ok(needed)
    }

    pub(super) fn has_not_ended(&self, task: &TaskId) -> bool {
        self.active.contains(task)
    }

    pub(super) fn output(&self, task: &TaskId) -> bool {
        self.active.contains(task) || self.owed.contains(task)
    }

    pub(super) fn sessions(&self) -> impl Iterator<Item = &SessionId> {
        self.sessions.iter()
    }

    pub(super) fn session(&self, session: &SessionId) -> bool {
        self.sessions.contains(session)
    }
}

/// Those of the tasks that no record knows. Broken records count too: an id stands in all of them in quotes.
pub(super) fn unknown(
    store: &Store,
    tasks: impl Iterator<Item = TaskId>,
) -> Result<HashSet<TaskId>> {
    let mut unknown: HashSet<TaskId> = tasks.collect();
    let state = store.dir();
    let mut records: Vec<Entry> = Vec::new();
    for dir in [state.root().to_owned(), state.archive_dir(), state.outbox_dir()] {
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

/// The tasks whose calls are announced: their folders wait for a shell, maybe behind a permission prompt.
pub(super) fn announced(root: &RunRoot) -> Result<HashSet<TaskId>> {
    let mut found = HashSet::new();
    for session in folders(&root.path().join("announced"))? {
        found.extend(files(&session.path)?.iter().filter_map(Entry::announcement_of));
    }
    Ok(found)
}

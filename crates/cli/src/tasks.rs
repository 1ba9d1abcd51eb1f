//! Gathers tasks from the state files, and finds the one that a person means.

use std::collections::HashSet;

use anyhow::Result;
use chrono::Utc;
use sisyphus_core::environment::Environment;
use sisyphus_core::fold::fold;
use sisyphus_core::paths::StateDir;
use sisyphus_core::status::Status;
use sisyphus_core::store::{LOCK_WAIT_IN_RUNNER, Store};
use sisyphus_core::task::Task;

use crate::args::Reach;
use crate::print::{self, NoSuchTask};

/// Every task that is known.
#[derive(Debug)]
pub(crate) struct Tasks {
    pub(crate) store: Store,
    /// In ticket order.
    pub(crate) active: Vec<Task>,
    /// Newest first.
    pub(crate) ended: Vec<Task>,
}

impl Tasks {
    /// Reads the state, after folding what has ended meanwhile.
    pub(crate) fn read(reach: Reach) -> Result<Self> {
        let environment = Environment::read();
        let store = Store::new(StateDir::locate(&environment)?);
        let folded = fold(&store, LOCK_WAIT_IN_RUNNER, Utc::now());

        let active = store.read_active()?.tasks;
        let mut ended = store.read_completed()?.tasks();
        ended.extend(store.read_failed()?.tasks());
        // What can be read is shown all the same.
        if let Err(error) = folded {
            print::warn(&error);
        }
        if reach == Reach::Archive {
            ended.extend(store.read_archive()?);
        }
        ended.sort_by_key(|task| std::cmp::Reverse(ended_at(task)));
        // A crash between two files of one change leaves a task in both until the next change.
        let mut seen = HashSet::new();
        ended.retain(|task| seen.insert(task.id.clone()));
        Ok(Self { store, active, ended })
    }

    /// The task that `name` means: a whole id, the client's id, the beginning of an id, or a description. What has not
    /// ended comes before what has, and newer before older.
    pub(crate) fn find(&self, name: &str) -> Result<&Task> {
        let all = || self.active.iter().rev().chain(&self.ended);
        let exact = |task: &&Task| {
            task.id.as_str() == name || task.client_id().is_some_and(|id| id.as_str() == name)
        };
        if let Some(task) = all().find(exact) {
            return Ok(task);
        }
        let begins: Vec<&Task> = all().filter(|task| task.id.as_str().starts_with(name)).collect();
        match begins.as_slice() {
            [task] => return Ok(task),
            [] => {}
            several => {
                let ids: Vec<&str> = several.iter().take(5).map(|task| task.id.as_str()).collect();
                let reason =
                    format!("`{name}` could be {} tasks: {}…", several.len(), ids.join(", "));
                return Err(NoSuchTask(reason).into());
            }
        }
        let described = all().find(|task| task.description == name);
        described.ok_or_else(|| {
            NoSuchTask(format!("no task `{name}`; `sisyphus list` shows them")).into()
        })
    }
}

fn ended_at(task: &Task) -> Option<chrono::DateTime<Utc>> {
    match &task.status {
        Status::Finished(ending) => Some(ending.ended_at),
        Status::Pending { .. } | Status::Queued { .. } | Status::Running { .. } => None,
    }
}

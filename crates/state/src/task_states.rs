//! The states of some tasks, wherever their records are.

use anyhow::{Error, Result};
use sisyphus_base::id::TaskId;
use sisyphus_tasks::task::Task;

use crate::store::Store;

/// The state of a task.
#[derive(Debug)]
pub enum TaskState {
    Live(Task),
    Ended(Task),
    /// There is no record of the task any more: the call was denied, and never ran.
    Forgotten,
}

/// Returns the state of each of these tasks, as the state files have it. Problems that stop nothing go to `warn`.
pub fn task_states(store: &Store, ids: &[TaskId], warn: fn(&Error)) -> Result<Vec<TaskState>> {
    // The live records are read first: a task that is missing from them is already in the history.
    let active = store.read_active()?;
    let find = |tasks: &[Task], id: &TaskId| tasks.iter().find(|task| &task.id == id).cloned();
    let course = |task: Task| {
        if task.status().is_final() { TaskState::Ended(task) } else { TaskState::Live(task) }
    };
    if let Some(known) = ids.iter().map(|id| find(&active.tasks, id)).collect::<Option<Vec<_>>>() {
        return Ok(known.into_iter().map(course).collect());
    }
    let mut ended = store.read_recent(warn);
    let is_known = |id: &TaskId| [&active.tasks, &ended].iter().any(|it| find(it, id).is_some());
    if !ids.iter().all(is_known) {
        ended.extend(store.read_archive(warn));
    }
    let found = ids.iter().map(|id| find(&active.tasks, id).or_else(|| find(&ended, id)));
    Ok(found.map(|task| task.map_or(TaskState::Forgotten, course)).collect())
}

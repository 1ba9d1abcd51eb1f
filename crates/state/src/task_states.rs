//! The states of some tasks, wherever their records are.

use anyhow::{Error, Result};
use sisyphus_base::id::TaskId;
use sisyphus_tasks::task::Task;

use crate::event::Event;
use crate::reconcile::World;
use crate::recovered::{recovered, recovered_of};
use crate::store::{LOCK_WAIT_IN_RUNNER, Store};

/// The state of a task.
#[derive(Debug)]
pub enum TaskState {
    Live(Task),
    Ended(Task),
    /// There is no record of the task any more: the call was denied, and never ran.
    Forgotten,
}

impl TaskState {
    /// The task, if it has not ended.
    pub fn live(&self) -> Option<&Task> {
        match self {
            Self::Live(task) => Some(task),
            Self::Ended(_) | Self::Forgotten => None,
        }
    }
}

/// Reconciles, so that the end of a task whose runner was killed is found too, and returns the state of each of these
/// tasks. A task whose record is gone gets it back from its run folder. A commit that fails goes to `warn`.
pub fn look(
    store: &Store,
    ids: &[TaskId],
    world: &World<'_>,
    mut warn: impl FnMut(&Error),
) -> Result<Vec<TaskState>> {
    let peek = store.peek(world)?;
    let missing = recovered(store);
    if (peek.has_news() || !missing.is_empty())
        // If another process holds the lock, it does the same.
        && let Err(error) = store.commit(Some(peek), &missing, world, LOCK_WAIT_IN_RUNNER, |_, _| ())
    {
        warn(&error);
    }
    let states = task_states(store, ids, |_| ())?;
    let forgotten: Vec<TaskId> = ids
        .iter()
        .zip(&states)
        .filter(|(_, state)| matches!(state, TaskState::Forgotten))
        .map(|(id, _)| id.clone())
        .collect();
    let found =
        if forgotten.is_empty() { Vec::new() } else { recovered_of(store.dir(), &forgotten) };
    if found.is_empty() {
        return Ok(states);
    }
    let events: Vec<Event> = found.into_iter().map(|(_, event)| event).collect();
    store.commit(None, &events, world, LOCK_WAIT_IN_RUNNER, |_, _| ())?;
    task_states(store, ids, |_| ())
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

//! What runs although a person removed the list of tasks. Each run folder has a copy of its call or of its request.

use std::collections::HashSet;
use std::fs;

use crate::event::Event;
use crate::request::requested_task;
use crate::run::{Run, runs_of};
use crate::store::Store;
use sisyphus_base::id::{SessionId, TaskId};
use sisyphus_base::paths::StateDir;
use sisyphus_tasks::run::RunState;

/// The events that make the records again; none while there is a list. The hooks of a session find its own commands at
/// the end of its turn, but a person looks now.
pub fn recovered(store: &Store) -> Vec<Event> {
    let state = store.dir();
    if state.active().exists() {
        return Vec::new();
    }
    let found = recorded_in_runs(state);
    if found.is_empty() {
        return Vec::new();
    }
    let filed: HashSet<TaskId> = store.read_recent(|_| {}).into_iter().map(|it| it.id).collect();
    found.into_iter().filter(|(task, _)| !filed.contains(task)).map(|(_, event)| event).collect()
}

/// The events that made the records of these tasks, from their run folders. Another process may have begun a new list
/// since a person removed it, so the list alone does not tell what is missing.
pub fn recovered_of(state: &StateDir, tasks: &[TaskId]) -> Vec<(TaskId, Event)> {
    let mut found = recorded_in_runs(state);
    found.retain(|(task, _)| tasks.contains(task));
    found
}

fn recorded_in_runs(state: &StateDir) -> Vec<(TaskId, Event)> {
    let sessions = fs::read_dir(state.runs_dir()).into_iter().flatten();
    let sessions = sessions.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let sessions = sessions.filter_map(|name| SessionId::new(name).ok());
    sessions
        .flat_map(|session| runs_of(state, &session))
        .filter_map(|(_, run)| event_of(&run))
        .collect()
}

/// The event that made the record of a run, with the id of its task.
fn event_of(run: &Run) -> Option<(TaskId, Event)> {
    if matches!(run.probe(), RunState::Missing) {
        return None;
    }
    if let Some(join) = run.joined() {
        return Some((join.announcement.task.clone(), Event::Joined(Box::new(join))));
    }
    let task = requested_task(run).ok()?;
    Some((task.id.clone(), Event::Taken(Box::new(task))))
}

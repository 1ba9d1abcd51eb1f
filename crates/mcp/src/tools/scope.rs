//! Which tasks a call is about: those of its own session first.

use anyhow::Result;
use sisyphus_base::id::SessionId;
use sisyphus_control::{Naming, NoSuchTask, Tasks};
use sisyphus_state::requester::Requester;
use sisyphus_tasks::task::Task;

/// The named task. Of several with that name, the one of the requester's session comes first.
pub(super) fn find(
    tasks: &Tasks,
    name: &str,
    naming: Naming,
    requester: Option<&Requester>,
) -> Result<Task> {
    if let Some(requester) = requester {
        match of_session(tasks.clone(), &requester.session).find_named(name, naming) {
            Ok(task) => return Ok(task.clone()),
            Err(error) if matches!(error.downcast_ref(), Some(NoSuchTask::Unknown(_))) => {}
            Err(error) => return Err(error),
        }
    }
    tasks.find_named(name, naming).cloned()
}

/// The part that belongs to a session.
pub(super) fn of_session(mut tasks: Tasks, session: &SessionId) -> Tasks {
    tasks.active.retain(|task| &task.session == session);
    tasks.ended.retain(|task| &task.session == session);
    tasks
}

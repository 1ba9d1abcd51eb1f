//! Which tasks a call is about: those of its own session first.

use anyhow::Result;
use sisyphus_base::id::SessionId;
use sisyphus_control::{HistoryDepth, NoSuchTask, Tasks};
use sisyphus_state::requester::Requester;
use sisyphus_tasks::task::Task;

/// Reads every task.
pub(super) fn read() -> Result<Tasks> {
    Tasks::read(HistoryDepth::Archive, warn)
}

/// Reads the tasks that have not ended and the newest that have.
pub(super) fn read_recent() -> Result<Tasks> {
    Tasks::read(HistoryDepth::Recent, warn)
}

/// Claude Code shows standard error to a user who debugs a server.
pub(crate) fn warn(error: &anyhow::Error) {
    use std::io::Write as _;
    let _ = writeln!(std::io::stderr(), "sisyphus-mcp: {error:#}");
}

/// The named task. Of several with that name, the one of the requester's session comes first.
pub(super) fn find(tasks: &Tasks, name: &str, requester: Option<&Requester>) -> Result<Task> {
    if let Some(requester) = requester {
        match of_session(tasks, &requester.session).find(name) {
            Ok(task) => return Ok(task.clone()),
            Err(error) if matches!(error.downcast_ref(), Some(NoSuchTask::Unknown(_))) => {}
            Err(error) => return Err(error),
        }
    }
    tasks.find(name).cloned()
}

/// The part that belongs to a session.
pub(super) fn of_session(tasks: &Tasks, session: &SessionId) -> Tasks {
    let of = |tasks: &[Task]| -> Vec<Task> {
        tasks.iter().filter(|task| &task.session == session).cloned().collect()
    };
    let in_line = tasks.in_line.iter().filter(|waiting| &waiting.session == session).cloned();
    Tasks {
        store: tasks.store.clone(),
        active: of(&tasks.active),
        ended: of(&tasks.ended),
        in_line: in_line.collect(),
        line: tasks.line.clone(),
    }
}

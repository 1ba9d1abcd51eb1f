//! Commands that print nothing for a long time: told once, if the user wants that, and never ended for it.

use std::path::Path;

use chrono::{DateTime, Utc};
use sisyphus_tasks::status::Status;
use sisyphus_tasks::task::{Kind, Task};

use crate::output::Source;
use crate::paths::StateDir;

/// Since when a running command has printed nothing; `None` for a task that is not meant: a service, one that does not
/// run, one of which that was told already.
pub fn silent_since(task: &Task, state: &StateDir, client_tmp: &Path) -> Option<DateTime<Utc>> {
    let Status::Running { started_at, .. } = task.status() else { return None };
    // The client's file of an agent is a transcript, and what it does is no business of ours.
    if task.kind != Kind::Command || task.told_silent_at.is_some() || !task.is_confirmed() {
        return None;
    }
    let written = Source::open(task, state, client_tmp)?.written_at().ok()?;
    // The client makes the file before the command starts, and a queued one may start much later.
    Some(DateTime::<Utc>::from(written).max(*started_at))
}

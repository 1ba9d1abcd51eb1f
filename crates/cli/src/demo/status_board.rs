//! The state of the commands at one moment, read as `sisyphus list` reads it.

use anyhow::Result;
use sisyphus_control::{up_to_date, world};
use sisyphus_process::is_alive;
use sisyphus_settings::Settings;
use sisyphus_state::agents::Limits;
use sisyphus_state::expected_admission::expected_admission_of;
use sisyphus_state::line::Snapshot;
use sisyphus_state::store::{LOCK_WAIT_IN_RUNNER, Store};
use sisyphus_tasks::admission::Admission;
use sisyphus_tasks::status::Status;
use sisyphus_tasks::task::Task;

use super::commands::{CAST, Role, Stand};
use super::sandbox::Sandbox;
use crate::list::last_line;
use crate::print;

/// One command, once its record holds Claude Code's id.
#[derive(Debug)]
pub(super) struct Seen {
    pub(super) role: &'static Role,
    pub(super) task: Task,
    pub(super) stand: Stand,
    /// The last line that it has printed.
    pub(super) line: Option<String>,
}

/// Reads the commands, in the order of the calls.
pub(super) fn look(sandbox: &Sandbox) -> Result<Vec<Seen>> {
    let (store, client_tmp) = (Store::new(sandbox.state()), sandbox.client_tmp());
    let active = up_to_date(&store, &world(&client_tmp), LOCK_WAIT_IN_RUNNER, print::warn)?;
    let line = Snapshot::read(&sandbox.environment(), is_alive)?;
    let settings = Settings::read_whole(&sandbox.config()).unwrap_or_default();
    // A task that is no longer live is in the history.
    let ended = store.read_recent(print::warn);
    let seen = CAST.iter().filter_map(|role| {
        let is_it = |task: &&Task| task.client_id().is_some_and(|id| id.as_str() == role.id);
        let task = active.tasks.iter().chain(&ended).find(is_it)?.clone();
        let expected =
            expected_admission_of(&active, Some(&line), &task.id, &Limits::of(&settings));
        let stand = match (task.status(), expected) {
            (Status::Queued { .. }, Admission::Queued { position: number }) => {
                Stand::Waits { number }
            }
            (Status::Queued { .. } | Status::Pending { .. }, _) => Stand::Comes,
            (Status::Running { .. }, _) => Stand::Runs,
            (Status::Finished(_), _) => Stand::Over,
        };
        let line = last_line(&task, store.dir(), &client_tmp);
        Some(Seen { role, task, stand, line })
    });
    Ok(seen.collect())
}

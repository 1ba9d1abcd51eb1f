//! The state of the commands at one moment, read as `sisyphus list` reads it.

use std::path::PathBuf;

use anyhow::Result;
use sisyphus_base::environment::Environment;
use sisyphus_control::{up_to_date, world};
use sisyphus_process::is_alive;
use sisyphus_settings::Settings;
use sisyphus_state::agents::Limits;
use sisyphus_state::line::Snapshot;
use sisyphus_state::queue::expected_admission_of;
use sisyphus_state::store::{LOCK_WAIT_IN_RUNNER, Store};
use sisyphus_tasks::admission::Admission;
use sisyphus_tasks::status::Status;
use sisyphus_tasks::task::Task;

use super::commands::{CAST, Role};
use super::sandbox::Sandbox;
use crate::list::last_line;
use crate::print;

/// What is needed to read it.
#[derive(Debug)]
pub(super) struct StatusBoard {
    store: Store,
    client_tmp: PathBuf,
    limits: Limits,
    environment: Environment,
}

/// One command, once its record holds Claude Code's id.
#[derive(Debug)]
pub(super) struct Seen {
    pub(super) role: &'static Role,
    pub(super) task: Task,
    pub(super) stand: Stand,
    /// The last line that it has printed.
    pub(super) line: Option<String>,
}

/// The state of a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stand {
    /// It was called a moment ago.
    Comes,
    /// It has this number in the queue.
    Waits {
        number: usize,
    },
    Runs,
    Over,
}

impl StatusBoard {
    pub(super) fn of(sandbox: &Sandbox) -> Self {
        let settings = Settings::read_whole(&sandbox.config()).unwrap_or_default();
        Self {
            store: Store::new(sandbox.state()),
            client_tmp: sandbox.client_tmp(),
            limits: Limits::of(&settings),
            environment: sandbox.environment(),
        }
    }

    /// Reads the commands, in the order of the calls.
    pub(super) fn look(&self) -> Result<Vec<Seen>> {
        let world = world(&self.client_tmp);
        let active = up_to_date(&self.store, &world, LOCK_WAIT_IN_RUNNER, print::warn)?;
        let line = Snapshot::read(&self.environment, is_alive)?;
        // A task that is no longer live is in the history.
        let ended = self.store.read_recent(print::warn);
        let seen = CAST.iter().filter_map(|role| {
            let is_it = |task: &&Task| task.client_id().is_some_and(|id| id.as_str() == role.id);
            let task = active.tasks.iter().chain(&ended).find(is_it)?.clone();
            let stand = match (
                task.status(),
                expected_admission_of(&active, &line, &task.id, &self.limits),
            ) {
                (Status::Queued { .. }, Admission::Queued { position: number }) => {
                    Stand::Waits { number }
                }
                (Status::Queued { .. } | Status::Pending { .. }, _) => Stand::Comes,
                (Status::Running { .. }, _) => Stand::Runs,
                (Status::Finished(_), _) => Stand::Over,
            };
            let line = last_line(&task, self.store.dir(), &self.client_tmp);
            Some(Seen { role, task, stand, line })
        });
        Ok(seen.collect())
    }
}

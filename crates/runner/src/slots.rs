//! The queue as the runner joins it, and how many slots it has at each moment.

use std::path::Path;

use anyhow::Result;
use chrono::Utc;
use sisyphus_base::environment::Environment;
use sisyphus_base::id::{ClientTaskId, TaskId, Ticket};
use sisyphus_base::paths::{StateDir, client_config_dir};
use sisyphus_process::is_alive;
use sisyphus_state::line::{AgentSlots, Attempt, Capacity, Line, Occupant, QueueEntry, RuntimeDir};
use sisyphus_tasks::call::Confinement;

use crate::live_settings::LiveSettings;

/// The place that a command asks for: the ticket of the call with its text, and Claude Code's name for its shell,
/// because several shells may have the same text.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Asked<'a> {
    pub(crate) ticket: Ticket,
    pub(crate) id: &'a ClientTaskId,
}

/// The queue, and what its capacity depends on.
pub(crate) struct Slots {
    line: Line,
    agents: Option<AgentSlots>,
    confinement: Confinement,
    settings: LiveSettings,
    configuration: Option<String>,
}

impl Slots {
    pub(crate) fn open(
        environment: &Environment,
        client_tmp: &Path,
        state: &StateDir,
        confinement: Confinement,
    ) -> Result<Self> {
        let line = Line::open(environment, confinement, client_tmp)?;
        let runtime = RuntimeDir::open(environment).ok().flatten();
        let configuration = client_config_dir(environment).ok();
        Ok(Self {
            line,
            agents: runtime.map(|runtime| AgentSlots::of(&runtime, state)),
            confinement,
            configuration: configuration.as_ref().map(|dir| dir.to_string_lossy().into_owned()),
            settings: LiveSettings::at(configuration),
        })
    }

    /// The capacity at this moment.
    pub(crate) fn capacity(&mut self) -> Capacity {
        let count = |agents: &AgentSlots| agents.count(Utc::now(), self.confinement, is_alive);
        let agents = self.agents.as_ref().map(count).unwrap_or_default();
        Capacity { limit: self.settings.slots(), agents }
    }

    pub(crate) fn line(&self) -> &Line {
        &self.line
    }

    pub(crate) fn attempt(&mut self, entry: &QueueEntry) -> Result<Attempt> {
        let capacity = self.capacity();
        self.line.try_acquire(entry, capacity)
    }

    pub(crate) fn occupant(&self, asked: Asked<'_>) -> Result<Occupant> {
        #[expect(
            clippy::disallowed_methods,
            reason = "the runner has the folder that its shell was started in"
        )]
        let folder = std::env::current_dir().ok();
        Ok(Occupant {
            task: TaskId::new(asked.id.as_str())?,
            folder: folder.map(|dir| dir.to_string_lossy().into_owned()),
            configuration: self.configuration.clone(),
            pid: std::process::id(),
        })
    }
}

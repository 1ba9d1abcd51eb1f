//! The queue as the runner joins it, and how many slots it has at each moment.

use std::path::{Path, PathBuf};

use anyhow::Result;
use chrono::Utc;
use sisyphus_base::environment::Environment;
use sisyphus_base::id::{ClientTaskId, TaskId, Ticket};
use sisyphus_base::paths::{StateDir, client_config_dir};
use sisyphus_process::{Changes, is_alive};
use sisyphus_settings::SlotLimit;
use sisyphus_state::agents::Limits;
use sisyphus_state::line::{AgentSlots, Attempt, Capacity, Line, Occupant, QueueEntry, RuntimeDir};
use sisyphus_state::sessions::{LiveThrottles, SlotSet, lowered};
use sisyphus_tasks::call::Confinement;
use sisyphus_tasks::session::Delegated;

use crate::live_settings::LiveSettings;

/// The place that a command asks for: the ticket of the call with its text, and Claude Code's name for its shell,
/// because several shells may have the same text.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Asked<'a> {
    pub(crate) ticket: Ticket,
    pub(crate) id: &'a ClientTaskId,
    /// Where the command runs, for people that wait behind it.
    pub(crate) folder: Option<&'a Path>,
}

/// The queue, and what its capacity depends on.
pub(crate) struct Slots {
    line: Line,
    demand: Demand,
    settings: LiveSettings,
    configuration: Option<String>,
}

/// What the slots are for. It decides what their limit is.
enum Demand {
    /// Agents take a part of the slots of commands.
    Commands { agents: Option<AgentSlots>, confinement: Confinement },
    /// The commands of a group share its limit.
    Group { name: String, confinement: Confinement },
    /// Sessions share the limit of this set, which a rate limit lowers for those of a model.
    Sessions { set: SlotSet, model: Option<String>, throttles: LiveThrottles },
}

impl Slots {
    /// The slots of commands.
    pub(crate) fn open(
        environment: &Environment,
        client_tmp: &Path,
        state: &StateDir,
        confinement: Confinement,
    ) -> Result<Self> {
        let line = Line::open(environment, confinement, client_tmp)?;
        let runtime = RuntimeDir::open(environment).ok().flatten();
        let agents = runtime.map(|runtime| AgentSlots::of(&runtime, state));
        Ok(Self::of(environment, line, Demand::Commands { agents, confinement }))
    }

    /// The slots of a group of commands.
    pub(crate) fn of_group(
        environment: &Environment,
        client_tmp: &Path,
        confinement: Confinement,
        group: &str,
    ) -> Result<Self> {
        let line = Line::of_group(environment, confinement, client_tmp, group)?;
        let demand = Demand::Group { name: group.to_owned(), confinement };
        Ok(Self::of(environment, line, demand))
    }

    /// The slots that a delegated session shares.
    pub(crate) fn of_session(
        environment: &Environment,
        state: &StateDir,
        session: &Delegated,
    ) -> Result<Self> {
        let mut settings = LiveSettings::at(client_config_dir(environment).ok());
        let (set, _) = SlotSet::of(session, &Limits::of(settings.now()));
        let line = Line::of_sessions(environment, &set)?;
        let (model, throttles) = (session.model.clone(), LiveThrottles::at(state));
        let demand = Demand::Sessions { set, model, throttles };
        Ok(Self::of(environment, line, demand))
    }

    fn of(environment: &Environment, line: Line, demand: Demand) -> Self {
        let configuration = client_config_dir(environment).ok();
        let named = configuration.as_ref().map(|dir| dir.to_string_lossy().into_owned());
        let settings = LiveSettings::at(configuration);
        Self { line, demand, settings, configuration: named }
    }

    /// The group whose slots they are.
    pub(crate) fn group(&self) -> Option<&str> {
        match &self.demand {
            Demand::Group { name, .. } => Some(name),
            Demand::Commands { .. } | Demand::Sessions { .. } => None,
        }
    }

    /// The capacity at this moment.
    pub(crate) fn capacity(&mut self) -> Capacity {
        let settings = self.settings.now();
        match &mut self.demand {
            Demand::Commands { agents, confinement } => {
                let count = |agents: &AgentSlots| agents.count(Utc::now(), *confinement, is_alive);
                let agents = agents.as_ref().map(count).unwrap_or_default();
                Capacity { limit: settings.max_background_tasks, agents }
            }
            Demand::Group { name, .. } => {
                // The user may have removed it since.
                let group = settings.groups.iter().find(|group| &group.name == name);
                let limit =
                    group.map_or(SlotLimit::Unlimited, |group| SlotLimit::AtMost(group.limit));
                Capacity { limit, agents: 0 }
            }
            Demand::Sessions { set, model, throttles } => {
                let limit = set.limit(&Limits::of(settings));
                let limit = lowered(throttles.now(), model.as_deref(), limit, Utc::now());
                Capacity { limit, agents: 0 }
            }
        }
    }

    /// The folders in which every change of the capacity shows, and every slot that its holder releases. `None` if some
    /// changes show nowhere: a rate limit and an agent's Claude Code end without a trace, and a sandboxed runner shares
    /// what others leave.
    pub(crate) fn folders(&self) -> Option<Vec<(PathBuf, Changes)>> {
        let agents = match &self.demand {
            Demand::Commands { confinement: Confinement::Sandboxed, .. }
            | Demand::Group { confinement: Confinement::Sandboxed, .. }
            | Demand::Sessions { .. } => return None,
            Demand::Commands { agents: None, .. } | Demand::Group { .. } => None,
            Demand::Commands { agents: Some(agents), confinement } => {
                if agents.count(Utc::now(), *confinement, is_alive) > 0 {
                    return None;
                }
                Some(agents.folder().to_owned())
            }
        };
        let settings = self.settings.files().filter_map(|file| {
            Some((file.parent()?.to_owned(), Changes::Of(file.file_name()?.to_owned())))
        });
        let names = agents.into_iter().chain([self.line.slots_folder().to_owned()]);
        Some(settings.chain(names.map(|it| (it, Changes::Names))).collect())
    }

    pub(crate) fn line(&self) -> &Line {
        &self.line
    }

    pub(crate) fn attempt(&mut self, entry: &QueueEntry) -> Result<Attempt> {
        let capacity = self.capacity();
        self.line.try_acquire(entry, capacity)
    }

    pub(crate) fn occupant(&self, asked: Asked<'_>) -> Result<Occupant> {
        Ok(Occupant {
            task: TaskId::new(asked.id.as_str())?,
            folder: asked.folder.map(|dir| dir.to_string_lossy().into_owned()),
            configuration: self.configuration.clone(),
            pid: std::process::id(),
        })
    }
}

//! The user's memory limit on the command. Without one, nothing here touches a file. Nothing here may keep the command from
//! running: what fails is recorded as a limit that is not in force.

use std::cell::Cell;

use sisyphus_base::id::TaskId;
use sisyphus_process::{MemoryGroup, OomCounters};
use sisyphus_state::run::Run;
use sisyphus_tasks::call::Confinement;
use sisyphus_tasks::memory_limit::{Force, Lack};

use crate::record::write;

const MEGABYTE: u64 = 1_000_000;

/// The limit on one command, if there is one.
pub(crate) struct Memory {
    /// In bytes.
    limit: Option<u64>,
    group: Option<MemoryGroup>,
    /// What was recorded.
    force: Cell<Option<Force>>,
}

impl Memory {
    /// Makes the group that the command will enter.
    pub(crate) fn prepare(mb: Option<u64>, task: &TaskId, confinement: Confinement) -> Self {
        let made = mb.map(|_| match confinement {
            Confinement::Outside => MemoryGroup::make(task),
            Confinement::Sandboxed => Err(Lack::Sandbox),
        });
        let (group, lack) = match made {
            None => (None, None),
            Some(Ok(group)) => (Some(group), None),
            Some(Err(lack)) => (None, Some(Force::Not(lack))),
        };
        let limit = mb.map(|mb| mb.saturating_mul(MEGABYTE));
        Self { limit, group, force: Cell::new(lack) }
    }

    /// The group for the start of the command.
    pub(crate) fn group(&mut self) -> Option<&mut MemoryGroup> {
        self.group.as_mut()
    }

    /// The command has started: it has entered the group, or runs outside.
    pub(crate) fn started(&mut self, run: &Run) {
        if let Some(outside) = self.group.take_if(|group| !group.is_entered()) {
            outside.remove();
            self.force.set(Some(Force::Not(Lack::Refused)));
        }
        self.record(run);
    }

    /// The counters of want of memory that concern the command.
    pub(crate) fn counters(&self) -> OomCounters {
        self.group.as_ref().map_or_else(OomCounters::now, OomCounters::of)
    }

    /// Puts the limit in force, once.
    pub(crate) fn enforce(&self, run: &Run) {
        let (Some(bytes), Some(group), None) = (self.limit, &self.group, self.force.get()) else {
            return;
        };
        self.force.set(Some(group.limit(bytes).map_or_else(Force::Not, |()| Force::InForce)));
        self.record(run);
    }

    /// The command has ended, or did not start.
    pub(crate) fn end(self, run: &Run) {
        let Self { limit, group, force } = &self;
        if limit.is_some() && group.is_some() && force.get().is_none() {
            force.set(Some(Force::Not(Lack::EndedBefore)));
            self.record(run);
        }
        if let Some(group) = self.group {
            group.remove();
        }
    }

    fn record(&self, run: &Run) {
        if let Some(force) = self.force.get() {
            // Without the file the record says that nothing is known.
            let _ = write(&run.memory(), &force);
        }
    }
}

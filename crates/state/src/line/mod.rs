//! The queue: which runners hold a slot and which wait for one, for all configuration folders of a user.
//!
//! ```text
//! RUNTIME/line/slots/slot-N          locked by a runner that holds a slot
//! RUNTIME/line/slots/slot-N.json     describes that runner, for people
//! RUNTIME/line/waiting/TICKET        locked by a runner that waits
//! RUNTIME/line/waiting/TICKET.json   describes that runner
//! RUNTIME/agents/KEY.json            the slots that agents of one state folder hold
//! RUNTIME/groups/GROUP/              a queue like `line/` for the commands of a group, which join it first
//! RUNTIME/sessions/DEPTH-POOL/       a queue like `line/` for delegated sessions that share a limit
//! ```
//!
//! `RUNTIME` is the [`RuntimeDir`]. Sandboxed commands can't write there. So sandboxed runners have a separate queue,
//! `line/` below the run root, and share what the slots outside leave of the limit at that moment. No runner outside
//! reads anything there. Both together hold at most twice the limit.
//!
//! The kernel releases a lock when its holder dies, whatever the cause. The slot is free immediately, a gap in the
//! queue closes, and neither needs a cleanup first.

mod agent_share;
mod left_behind;
mod lock_file;
mod names;
mod slots;
mod snapshot;
mod ticket;

use std::fs::File;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use fs4::FileExt;

pub use agent_share::AgentSlots;
pub use left_behind::{folders, is_left_behind, remove_left_behind};
pub use lock_file::{Occupant, Watched};
pub use sisyphus_base::runtime_dir::RuntimeDir;
pub use slots::{Capacity, SlotGuard};
pub use snapshot::{GroupQueue, Listed, Snapshot, Standing, View};
pub use ticket::LineTicket;

use sisyphus_base::environment::Environment;
use sisyphus_base::paths::create_private_dir;
use sisyphus_base::sys;
use sisyphus_settings::is_group_name;
use sisyphus_tasks::call::Confinement;

use crate::run_root::RunRoot;
use crate::sessions::SlotSet;
use lock_file::Held;
use names::names;
use slots::Slots;

/// The queue that a runner joins.
#[derive(Debug)]
pub struct Line {
    waiting: PathBuf,
    slots: Slots,
    /// `systemd-tmpfiles(8)` removes nothing old below a folder whose lock is held.
    _keep: Option<File>,
}

/// An entry in the queue. Dropping it leaves the queue.
#[derive(Debug)]
pub struct QueueEntry {
    ticket: LineTicket,
    held: Held,
}

/// The result of asking for a slot.
#[derive(Debug)]
pub enum Attempt {
    /// The runner holds a slot and may drop its entry.
    Acquired(SlotGuard),
    /// Wait until one of these is free: the previous entry, or the slots at the head of the queue.
    Queued { position: Position, until_open: Vec<Watched> },
}

/// How many entries are before it. Some of their runners may have died.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position(pub usize);

impl Position {
    /// Next in the queue. Whether a slot is free depends on the limit.
    pub const HEAD: Self = Self(0);
    pub const SECOND: Self = Self(1);
}

impl Line {
    /// Opens the queue of this process, creating its folders. Only a sandboxed process needs the folders below
    /// `client_tmp`, which every sandboxed command can remove.
    pub fn open(
        environment: &Environment,
        confinement: Confinement,
        client_tmp: &Path,
    ) -> Result<Self> {
        let (top, outside) = match confinement {
            Confinement::Outside => (RuntimeDir::create(environment)?.line(), None),
            Confinement::Sandboxed => {
                let root = RunRoot::below(client_tmp)?.context("there are no run folders")?;
                let outside = RuntimeDir::open(environment).ok().flatten();
                (root.line(), outside.map(|dir| slots_of(&dir.line())))
            }
        };
        Self::at(&top, outside)
    }

    /// Opens the queue of a group of commands.
    pub fn of_group(
        environment: &Environment,
        confinement: Confinement,
        client_tmp: &Path,
        group: &str,
    ) -> Result<Self> {
        ensure!(is_group_name(group), "`{group}` is no name of a group");
        let (groups, outside) = match confinement {
            Confinement::Outside => (RuntimeDir::create(environment)?.groups(), None),
            Confinement::Sandboxed => {
                let root = RunRoot::below(client_tmp)?.context("there are no run folders")?;
                let outside = RuntimeDir::open(environment).ok().flatten();
                (root.groups(), outside.map(|dir| slots_of(&dir.groups().join(group))))
            }
        };
        create_private_dir(&groups)?;
        Self::at(&groups.join(group), outside)
    }

    /// Opens the queue of delegated sessions that share slots. They run outside the sandbox.
    pub fn of_sessions(environment: &Environment, set: &SlotSet) -> Result<Self> {
        let sessions = RuntimeDir::create(environment)?.sessions();
        create_private_dir(&sessions)?;
        Self::at(&sessions.join(set.folder()), None)
    }

    fn at(top: &Path, outside: Option<PathBuf>) -> Result<Self> {
        let (waiting, slots) = (waiting_of(top), slots_of(top));
        for dir in [top, &waiting, &slots] {
            create_private_dir(dir)?;
        }
        let around = top.parent().unwrap_or(top);
        let keep = sys::open_dir(around).ok().filter(|dir| FileExt::try_lock_shared(dir).is_ok());
        Ok(Self { waiting, slots: Slots { dir: slots, outside }, _keep: keep })
    }

    /// Where a file comes and goes with each held slot.
    pub fn slots_folder(&self) -> &Path {
        &self.slots.dir
    }

    /// Joins the queue.
    pub fn join(&self, ticket: LineTicket) -> Result<QueueEntry> {
        let unnamed = self.waiting.join(format!(".{ticket}"));
        let held = Held::create(&self.waiting.join(ticket.as_str()), &unnamed)?;
        Ok(QueueEntry { ticket, held })
    }

    /// Joins the queue again, before all others. `None` if the entry is the next one already.
    pub fn join_first(&self, entry: &QueueEntry) -> Result<Option<QueueEntry>> {
        let first = self.waiting()?.into_iter().map(|(ticket, _)| ticket).min();
        match first.filter(|first| *first < entry.ticket) {
            Some(first) => self.join(entry.ticket.before(&first)).map(Some),
            None => Ok(None),
        }
    }

    /// Tries to acquire a slot for this entry. It gets none while an earlier entry waits.
    pub fn try_acquire(&self, entry: &QueueEntry, capacity: Capacity) -> Result<Attempt> {
        if let Some((before, position)) = self.before(entry)? {
            return Ok(Attempt::Queued { position, until_open: vec![before] });
        }
        Ok(match self.slots.acquire(capacity, entry.seed())? {
            Ok(slot) => Attempt::Acquired(slot),
            Err(until_open) => Attempt::Queued { position: Position::HEAD, until_open },
        })
    }

    /// Tries to acquire a slot, regardless of the queue.
    pub fn pass(&self, entry: &QueueEntry, capacity: Capacity) -> Result<Option<SlotGuard>> {
        Ok(self.slots.acquire(capacity, entry.seed())?.ok())
    }

    /// Acquires a slot beyond the limit, which counts as held for all others.
    pub fn overflow(&self, entry: &QueueEntry, capacity: Capacity) -> Result<SlotGuard> {
        self.slots.overflow(capacity, entry.seed())
    }

    /// Whether a slot is free.
    pub fn has_room(&self, capacity: Capacity) -> Result<bool> {
        self.slots.have_room(capacity)
    }

    /// The entries, in no order. Some of their runners may have died.
    fn waiting(&self) -> Result<Vec<(LineTicket, PathBuf)>> {
        let names = names(&self.waiting)
            .with_context(|| format!("could not list `{}`", self.waiting.display()))?;
        let tickets = names.into_iter();
        Ok(tickets.filter_map(|(name, path)| Some((LineTicket::parse(&name)?, path))).collect())
    }

    /// The nearest earlier entry that still waits, and how many there are.
    fn before(&self, entry: &QueueEntry) -> Result<Option<(Watched, Position)>> {
        let mut earlier = self.waiting()?;
        earlier.retain(|(ticket, _)| *ticket < entry.ticket);
        earlier.sort();
        while let Some((_, path)) = earlier.pop() {
            let before = Watched::Lock(path);
            if before.is_held() {
                return Ok(Some((before, Position(earlier.len() + 1))));
            }
            lock_file::remove_free(before.path());
        }
        Ok(None)
    }
}

impl QueueEntry {
    /// Describes the waiting runner, for people.
    pub fn describe(&mut self, occupant: &Occupant) {
        self.held.describe(occupant);
    }

    fn seed(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        self.ticket.hash(&mut hasher);
        hasher.finish()
    }
}

impl SlotGuard {
    /// Describes the holder of the slot, for people and for sandboxed runners.
    pub fn describe(&mut self, occupant: &Occupant) {
        self.held.describe(occupant);
    }
}

fn slots_of(top: &Path) -> PathBuf {
    top.join("slots")
}

fn waiting_of(top: &Path) -> PathBuf {
    top.join("waiting")
}

#[cfg(test)]
mod tests;

//! The line: which runners have a slot and which wait for one, for all configuration folders of a user.
//!
//! ```text
//! RUNTIME/line/slots/slot-N          held by a runner that has a slot
//! RUNTIME/line/slots/slot-N.json     what that runner is, for people
//! RUNTIME/line/waiting/TICKET        held by a runner that waits
//! RUNTIME/line/waiting/TICKET.json   what that runner is
//! RUNTIME/agents/KEY.json            what agents of one state folder have of the limit
//! ```
//!
//! `RUNTIME` is the [`RuntimeDir`]. Sandboxed commands can't write there. So sandboxed runners have a line of their own,
//! `line/` below the run root, and take what the slots outside leave of the limit at that moment. No runner outside
//! looks at anything there; both together are at most twice the limit.
//!
//! The kernel opens a lock when its holder dies, however that happens: a slot is free at once, a gap in the line
//! closes, and nothing has to be cleaned up before it counts.

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

use anyhow::{Context as _, Result};
use fs4::FileExt;

pub use agent_share::AgentSlots;
pub use left_behind::{folders, is_left_behind, remove_left_behind};
pub use lock_file::{Occupant, Watched};
pub use sisyphus_base::runtime_dir::RuntimeDir;
pub use slots::{Capacity, SlotGuard};
pub use snapshot::{Listed, Snapshot, Standing};
pub use ticket::LineTicket;

use sisyphus_base::environment::Environment;
use sisyphus_base::paths::create_private_dir;
use sisyphus_base::sys;
use sisyphus_tasks::call::Confinement;

use crate::run_root::RunRoot;
use lock_file::Held;
use names::names;
use slots::Slots;

/// The line that a runner stands in.
#[derive(Debug)]
pub struct Line {
    waiting: PathBuf,
    slots: Slots,
    /// `systemd-tmpfiles(8)` removes nothing old below a folder whose lock is held.
    _keep: Option<File>,
}

/// A place in the line: left when it is dropped.
#[derive(Debug)]
pub struct QueueEntry {
    ticket: LineTicket,
    held: Held,
}

/// What came of asking for a slot.
#[derive(Debug)]
pub enum Attempt {
    /// A slot of its own. The place in line may be left.
    Acquired(SlotGuard),
    /// Wait until one of these is open: the entry before, or at the head of the line the slots.
    Queued { position: Position, until_open: Vec<Watched> },
}

/// How many are before it; those that died there may be among them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position(pub usize);

impl Position {
    /// The next slot is its own; whether there is one depends on the limit.
    pub const HEAD: Self = Self(0);
}

impl Line {
    /// Opens the line of this process, creating its folders. Only the sandboxed one needs what is below `client_tmp`: every
    /// sandboxed command can remove it.
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

    fn at(top: &Path, outside: Option<PathBuf>) -> Result<Self> {
        let (waiting, slots) = (waiting_of(top), slots_of(top));
        for dir in [top, &waiting, &slots] {
            create_private_dir(dir)?;
        }
        let around = top.parent().unwrap_or(top);
        let keep = sys::open_dir(around).ok().filter(|dir| FileExt::try_lock_shared(dir).is_ok());
        Ok(Self { waiting, slots: Slots::new(slots, outside), _keep: keep })
    }

    /// Takes a place in line.
    pub fn join(&self, ticket: LineTicket) -> Result<QueueEntry> {
        let unnamed = self.waiting.join(format!(".{ticket}"));
        let held = Held::create(&self.waiting.join(ticket.as_str()), &unnamed)?;
        Ok(QueueEntry { ticket, held })
    }

    /// Asks for a slot for this entry. It gets none while an earlier entry waits.
    pub fn try_acquire(&self, entry: &QueueEntry, capacity: Capacity) -> Result<Attempt> {
        if let Some((before, position)) = self.before(entry)? {
            return Ok(Attempt::Queued { position, until_open: vec![before] });
        }
        Ok(match self.slots.acquire(capacity, entry.seed())? {
            Ok(slot) => Attempt::Acquired(slot),
            Err(until_open) => Attempt::Queued { position: Position::HEAD, until_open },
        })
    }

    /// Asks for a slot without regard to the line.
    pub fn pass(&self, entry: &QueueEntry, capacity: Capacity) -> Result<Option<SlotGuard>> {
        Ok(self.slots.acquire(capacity, entry.seed())?.ok())
    }

    /// Takes a slot beyond the limit, which counts as taken for all others.
    pub fn overflow(&self, entry: &QueueEntry, capacity: Capacity) -> Result<SlotGuard> {
        self.slots.overflow(capacity, entry.seed())
    }

    /// Whether a slot is free.
    pub fn has_room(&self, capacity: Capacity) -> Result<bool> {
        self.slots.have_room(capacity)
    }

    /// The nearest of the earlier ones that still wait, and how many those are.
    fn before(&self, entry: &QueueEntry) -> Result<Option<(Watched, Position)>> {
        let names = names(&self.waiting)
            .with_context(|| format!("could not list `{}`", self.waiting.display()))?;
        let mut earlier: Vec<(LineTicket, PathBuf)> = names
            .into_iter()
            .filter_map(|(name, path)| Some((LineTicket::parse(&name)?, path)))
            .filter(|(ticket, _)| *ticket < entry.ticket)
            .collect();
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
    /// Says what waits, for people.
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
    /// Says what has the slot, for people and for sandboxed runners.
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

//! Passes suspended runners in the queue: a suspended runner takes no slot, and must not hold up the runners behind it.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::Result;
use sisyphus_state::line::{Position, QueueEntry, SlotGuard, Watched};

use crate::capacity_watch::SeenBy;
use crate::slots::Slots;

/// How long a slot may stay free before this runner passes the one ahead of it.
const PATIENCE: Duration = Duration::from_secs(1);
/// What each further place in the queue adds to that, so that several runners pass in their order.
const PER_PLACE: Duration = Duration::from_millis(50);
/// What a busy machine adds to that: if it wakes this runner late, it wakes the one ahead late too.
const WHEN_BUSY: Duration = Duration::from_secs(5);
/// How late a check may be on a machine that is not busy.
const LATE: Duration = Duration::from_millis(200);
/// How often the second in the queue looks for a free slot if the kernel does not wake it.
const SECOND_CHECK: Duration = Duration::from_millis(500);
/// How often the runners behind it do, in case all runners ahead are suspended, and the second in case that the holder of
/// a slot was killed: its file stays, so no folder changes.
const BEHIND_CHECK: Duration = Duration::from_secs(10);

/// What earlier checks of the queue found.
#[derive(Debug, Default)]
pub(crate) struct Overtake {
    /// The runner ahead that takes no slot, and since when one is free.
    idle: Option<(PathBuf, Instant)>,
    next_look: Option<Instant>,
    /// Added to the patience as long as the slot is free.
    busy: Duration,
}

impl Overtake {
    /// Takes a slot that was free for too long while `before` was ahead in the queue. Does nothing at the head of the
    /// queue.
    pub(crate) fn look(
        &mut self,
        slots: &mut Slots,
        entry: &QueueEntry,
        position: Position,
        seen_by: SeenBy,
        before: Option<&Watched>,
    ) -> Result<Option<SlotGuard>> {
        let (Some(before), false) = (before, position == Position::HEAD) else {
            *self = Self::default();
            return Ok(None);
        };
        let capacity = slots.capacity();
        if self.next_look.is_some_and(|due| due.elapsed() >= LATE) {
            self.busy = WHEN_BUSY;
        }
        let patience = patience(position) + self.busy;
        if !slots.line().has_room(capacity)? {
            self.idle = None;
        } else if let Some(since) = self.idle_since(before.path()) {
            if since.elapsed() >= patience {
                if let Some(slot) = slots.line().pass(entry, capacity)? {
                    return Ok(Some(slot));
                }
                self.idle = None;
            }
        } else {
            self.idle = Some((before.path().to_owned(), Instant::now()));
            self.busy = Duration::ZERO;
        }
        let check = match (position, seen_by) {
            (Position::SECOND, SeenBy::Clock) => SECOND_CHECK,
            _ => BEHIND_CHECK,
        };
        let now = Instant::now();
        let due = self.idle.as_ref().map_or(now + check, |(_, since)| *since + patience);
        self.next_look = Some(due.min(now + check));
        Ok(None)
    }

    /// When to check again; `None` at the head of the queue.
    pub(crate) fn next_look(&self) -> Option<Instant> {
        self.next_look
    }

    fn idle_since(&self, before: &Path) -> Option<Instant> {
        let (path, since) = self.idle.as_ref()?;
        (path == before).then_some(*since)
    }
}

/// How long a runner at this position lets a slot stay free.
fn patience(position: Position) -> Duration {
    let further = u32::try_from(position.0.saturating_sub(1)).unwrap_or(u32::MAX);
    PATIENCE + PER_PLACE.saturating_mul(further)
}

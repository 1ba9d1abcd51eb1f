//! Waits for a slot. A waiting runner sleeps until the kernel opens a lock: that of the runner ahead of it or, at the
//! head of the queue, that of a slot. No lock shows changes of the settings and of agents, or that the runners ahead
//! are suspended. Where the kernel can, it watches the folders of these for the first two; the others look seldom.

use std::time::Instant;

use anyhow::Result;
use sisyphus_process::{Notice, Signals, Watchers};
use sisyphus_state::line::{Attempt, LineTicket, Position, QueueEntry, SlotGuard};
use sisyphus_state::run::Run;

use crate::capacity_watch::{CapacityWatch, SeenBy};
use crate::confirmation::{Confirmation, ConfirmationPoll};
use crate::overtake::Overtake;
use crate::slots::{Asked, Slots};

/// How many locks a runner watches at once. If more slots are held, the head of the queue notices a free one within its
/// check.
const WATCHERS: usize = 32;

/// What waits for a slot: a command, or a session.
pub(crate) trait Waiter {
    /// Records that it is queued.
    fn queued(&self);
    /// What is known about it now.
    fn confirmation_of(&self) -> Confirmation;
    /// Its run folder, where other processes leave requests.
    fn run(&self) -> &Run;
    /// Hears its position whenever it looks at the queue, which is that of this group or that of all.
    fn waits_at(&self, _: Position, _: Option<&str>) {}
}

/// The result of waiting for a slot.
#[derive(Debug)]
pub(crate) enum Turn {
    /// Start now.
    Start(Admitted),
    /// The runner received this signal before the command could start.
    Stopped(i32),
}

/// What the runner holds for a command that may start: nothing if it needs no slot, or if it must not wait for one.
#[derive(Debug, Default)]
pub(crate) struct Admitted {
    line: Option<QueueEntry>,
    arrival: Arrival,
    /// The same of its group.
    group: Option<Box<Admitted>>,
    /// Kept until the command has started: the kernel takes milliseconds to end it.
    watch: CapacityWatch,
    /// Released when the admission is dropped.
    _slot: Option<SlotGuard>,
}

/// Whether the command found a slot at once.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Arrival {
    #[default]
    AtOnce,
    Waited,
}

impl Admitted {
    /// Whether the command had to wait: then much may have happened since.
    pub(crate) fn is_late(&self) -> bool {
        self.arrival == Arrival::Waited
    }

    /// Leaves the queues, so that the next runners move up: only now, so that commands start in their order. The slots
    /// stay held.
    pub(crate) fn started(&mut self) {
        self.line = None;
        if let Some(group) = &mut self.group {
            group.started();
        }
        std::mem::take(&mut self.watch).end();
    }

    /// Adds what the command holds of its group.
    pub(crate) fn within(self, group: Option<Self>) -> Self {
        let is_late = group.as_ref().is_some_and(Self::is_late);
        let arrival = if is_late { Arrival::Waited } else { self.arrival };
        Self { arrival, group: group.map(Box::new), ..self }
    }
}

/// Waits until the command may start.
pub(crate) fn wait_for_turn(
    slots: &mut Slots,
    asked: Asked<'_>,
    record: &impl Waiter,
    signals: &mut Signals,
) -> Result<Turn> {
    let mut confirmation = Some(ConfirmationPoll::new());
    let occupant = slots.occupant(asked)?;
    let mut entry = slots.line().join(LineTicket::new(asked.ticket, asked.id))?;
    let admit = |entry: QueueEntry, mut slot: SlotGuard, arrival: Arrival, watch: CapacityWatch| {
        slot.describe(&occupant);
        Turn::Start(Admitted { line: Some(entry), arrival, group: None, watch, _slot: Some(slot) })
    };
    let mut attempt = slots.attempt(&entry)?;
    if matches!(attempt, Attempt::Queued { .. }) {
        entry.describe(&occupant);
        record.queued();
    }
    let mut arrival = Arrival::AtOnce;
    let mut overtake = Overtake::default();
    let watchers = Watchers::default();
    let mut moved_at = None;
    let mut watch = CapacityWatch::default();
    let mut seen_by = SeenBy::Clock;
    let mut rested_at = None;
    loop {
        let (position, until_open) = match attempt {
            Attempt::Acquired(slot) => return Ok(admit(entry, slot, arrival, watch)),
            Attempt::Queued { position, until_open } => (position, until_open),
        };
        let asked_at = record.run().asked_to_be_next();
        if asked_at > moved_at {
            moved_at = asked_at;
            if let Some(mut first) = slots.line().join_first(&entry)? {
                first.describe(&occupant);
                entry = first;
                attempt = slots.attempt(&entry)?;
                continue;
            }
        }
        record.waits_at(position, slots.group());
        arrival = Arrival::Waited;
        let before = seen_by;
        // A killed holder leaves its file, so only its lock shows that the slot is free. In a queue that moves, to have the
        // folders watched would take longer than the wait.
        let rests = rested_at == Some(position);
        seen_by = if rests && position <= Position::SECOND && until_open.len() <= WATCHERS {
            watch.seen_by(slots)
        } else {
            SeenBy::Clock
        };
        if (before, seen_by) == (SeenBy::Clock, SeenBy::Kernel) {
            attempt = slots.attempt(&entry)?;
            continue;
        }
        if let Some(slot) = overtake.look(slots, &entry, position, seen_by, until_open.first())? {
            return Ok(admit(entry, slot, arrival, watch));
        }
        let locks = until_open.iter().take(WATCHERS).cloned();
        watchers.watch_again(
            locks.map(|lock| (lock.path().to_owned(), move || lock.wait_until_open())),
        )?;
        let next_look =
            overtake.next_look().unwrap_or_else(|| Instant::now() + seen_by.head_check());
        loop {
            let wake_at =
                confirmation.map_or(next_look, |confirmation| confirmation.next().min(next_look));
            match signals.wait_beside(watch.folders(), Some(wake_at))? {
                Notice::Signal { number, .. } => return Ok(Turn::Stopped(number)),
                Notice::Woken => break,
                Notice::Child => {}
                Notice::Deadline => {
                    if let Some(now) =
                        confirmation.filter(|confirmation| confirmation.next() <= Instant::now())
                    {
                        confirmation = match (record.confirmation_of(), now.goes_on()) {
                            (Confirmation::Background { .. } | Confirmation::AskedToStop, _) => {
                                None
                            }
                            (Confirmation::Unknown, Some(confirmation)) => Some(confirmation),
                            // The command starts, and counts for all later ones.
                            (Confirmation::Unknown, None) | (Confirmation::Foreground, _) => {
                                let capacity = slots.capacity();
                                let slot = slots.line().overflow(&entry, capacity)?;
                                return Ok(admit(entry, slot, arrival, watch));
                            }
                        };
                    }
                    if next_look <= Instant::now() {
                        rested_at = Some(position);
                        break;
                    }
                }
            }
        }
        attempt = slots.attempt(&entry)?;
    }
}

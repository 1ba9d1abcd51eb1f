//! Waits for a slot. A waiting runner sleeps until the kernel opens a lock: that of the runner ahead of it or, at the
//! head of the queue, that of a slot. No lock shows changes of the settings and of agents, or that the runners ahead
//! are suspended, so the runner polls for these seldom.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::Result;
use chrono::Utc;
use sisyphus_base::environment::Environment;
use sisyphus_base::id::{ClientTaskId, TaskId, Ticket};
use sisyphus_base::paths::{StateDir, client_config_dir};
use sisyphus_process::{Notice, Signals, Watchers, is_alive};
use sisyphus_state::line::{
    AgentSlots, Attempt, Capacity, Line, LineTicket, Occupant, QueueEntry, RuntimeDir, SlotGuard,
};
use sisyphus_tasks::call::Confinement;

use crate::confirmation::ConfirmationPoll;
use crate::live_settings::LiveSettings;
use crate::overtake::Overtake;
use crate::record::{Confirmation, Record};

/// How often the head of the queue checks whether the settings or the agents have changed. A check costs some
/// microseconds. The interval is shorter than the patience of the second in the queue.
const HEAD_CHECK: Duration = Duration::from_millis(500);
/// How many locks a runner watches at once. If more slots are held, the head of the queue notices a free one within its
/// check.
const WATCHERS: usize = 32;

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

    /// Leaves the queue, so that the next runner moves up: only now, so that commands start in their order. The slot
    /// stays held.
    pub(crate) fn started(&mut self) {
        self.line = None;
    }
}

/// The place that a command asks for: the ticket of the call with its text, and Claude Code's name for its shell,
/// because several shells may have the same text.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Asked<'a> {
    pub(crate) ticket: Ticket,
    pub(crate) id: &'a ClientTaskId,
}

/// The queue, and how many slots it has.
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

    fn attempt(&mut self, entry: &QueueEntry) -> Result<Attempt> {
        let capacity = self.capacity();
        self.line.try_acquire(entry, capacity)
    }

    fn occupant(&self, asked: Asked<'_>) -> Result<Occupant> {
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

/// Waits until the command may start.
pub(crate) fn wait_for_turn(
    slots: &mut Slots,
    asked: Asked<'_>,
    record: &Record<'_>,
    signals: &mut Signals,
) -> Result<Turn> {
    let mut confirmation = Some(ConfirmationPoll::new());
    let occupant = slots.occupant(asked)?;
    let mut entry = slots.line.join(LineTicket::new(asked.ticket, asked.id))?;
    let admit = |entry: QueueEntry, mut slot: SlotGuard, arrival: Arrival| {
        slot.describe(&occupant);
        Turn::Start(Admitted { line: Some(entry), arrival, _slot: Some(slot) })
    };
    let mut attempt = slots.attempt(&entry)?;
    if matches!(attempt, Attempt::Queued { .. }) {
        entry.describe(&occupant);
        record.queued();
    }
    let mut arrival = Arrival::AtOnce;
    let mut overtake = Overtake::default();
    let watchers = Watchers::default();
    loop {
        let (position, until_open) = match attempt {
            Attempt::Acquired(slot) => return Ok(admit(entry, slot, arrival)),
            Attempt::Queued { position, until_open } => (position, until_open),
        };
        arrival = Arrival::Waited;
        if let Some(slot) = overtake.look(slots, &entry, position, until_open.first())? {
            return Ok(admit(entry, slot, arrival));
        }
        let locks = until_open.iter().take(WATCHERS).cloned();
        watchers.watch_again(
            locks.map(|lock| (lock.path().to_owned(), move || lock.wait_until_open())),
        )?;
        let next_look = overtake.next_look().unwrap_or_else(|| Instant::now() + HEAD_CHECK);
        loop {
            let wake_at =
                confirmation.map_or(next_look, |confirmation| confirmation.next().min(next_look));
            match signals.wait(Some(wake_at))? {
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
                                let slot = slots.line.overflow(&entry, capacity)?;
                                return Ok(admit(entry, slot, arrival));
                            }
                        };
                    }
                    if next_look <= Instant::now() {
                        break;
                    }
                }
            }
        }
        attempt = slots.attempt(&entry)?;
    }
}

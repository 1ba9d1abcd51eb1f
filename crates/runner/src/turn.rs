//! Waiting for a slot. Nothing is polled but the settings: a waiting runner sleeps until the kernel opens a lock.

use std::path::PathBuf;
use std::time::{Duration, Instant, SystemTime};

use anyhow::Result;
use chrono::Utc;
use sisyphus_core::id::{ClientTaskId, TaskId, Ticket};
use sisyphus_core::paths::StateDir;
use sisyphus_core::run_folder::{AgentSlots, Answer, Place, Position, Queue};
use sisyphus_core::run_root::RunRoot;
use sisyphus_core::settings::{Settings, SlotLimit};
use sisyphus_process::{Notice, Signals, Watchers, is_gone};

use crate::record::{Record, Standing};

/// How often the head of the line looks whether the settings have changed. Looking costs some microseconds.
const SETTINGS_CHECK: Duration = Duration::from_secs(1);
/// How long a shell may wait that the client has not called a background command. Its hook comes within milliseconds of
/// the shell's start; a foreground command with the same words must not be delayed for longer than this.
const STANDING_PATIENCE: Duration = Duration::from_secs(3);
/// The first of the growing pauses in which that is looked at.
const STANDING_CHECK: Duration = Duration::from_millis(10);
/// How many holders of slots are watched at once. Whoever sees more slots than that looks again with the settings.
const WATCHERS: usize = 32;

/// What came of the waiting.
#[derive(Debug)]
pub(crate) enum Turn {
    /// Start now.
    Start(Admission),
    /// Sent this signal before its turn came.
    Stopped(i32),
}

/// What is held for a command that may start: nothing where no slot is needed, or where waiting would not be right.
#[derive(Debug, Default)]
pub(crate) struct Admission {
    line: Option<Place>,
    arrival: Arrival,
    /// Given back when the admission is dropped.
    _slot: Option<Place>,
}

/// Whether the command found a slot at once.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Arrival {
    #[default]
    AtOnce,
    Waited,
}

impl Admission {
    /// Whether it had to wait: much may have happened since.
    pub(crate) fn is_late(&self) -> bool {
        self.arrival == Arrival::Waited
    }

    /// Lets the next one in line come forward: only now, so that commands start in their order. The slot is left.
    pub(crate) fn started(&mut self) {
        self.line = None;
    }
}

/// The place that a command asks for: the ticket of the call whose words it has, and the client's name of its shell,
/// because several shells may have the same words.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Asked<'a> {
    pub(crate) ticket: Ticket,
    pub(crate) id: &'a ClientTaskId,
}

impl Asked<'_> {
    fn task(self) -> Result<TaskId> {
        Ok(TaskId::new(self.id.as_str())?)
    }
}

/// Where the slots are counted.
#[derive(Debug)]
pub(crate) struct Slots {
    queue: Queue,
    agents: AgentSlots,
}

impl Slots {
    pub(crate) fn of(root: &RunRoot, state: &StateDir) -> Self {
        Self { queue: Queue::of(root), agents: AgentSlots::of(root, state) }
    }

    fn ask(&self, place: &Place, limit: SlotLimit) -> Result<Answer> {
        self.queue.ask(place, limit, self.agents())
    }

    fn agents(&self) -> usize {
        self.agents.count(Utc::now(), is_gone)
    }
}

/// Waits until the command may start.
pub(crate) fn wait_for_turn(
    queue: &Slots,
    asked: Asked<'_>,
    record: &Record<'_>,
    signals: &mut Signals,
    settings: &mut LiveSettings,
) -> Result<Turn> {
    let mut doubt = Some(Doubt::new());
    let place = queue.queue.join(asked.ticket, &asked.task()?)?;
    // Before the slots are counted: what changes in between is seen next time.
    let mut agents = queue.agents();
    let (mut until_open, mut at) = match queue.ask(&place, settings.slots())? {
        Answer::Yours(slot) => return Ok(admit(place, slot, Arrival::AtOnce)),
        Answer::Wait { until_open, at } => (until_open, at),
    };
    record.queued();
    let mut watchers = Watchers::default();
    loop {
        watchers.watch(until_open.iter().take(WATCHERS).cloned())?;
        let look_again = match (&doubt, at) {
            (Some(doubt), _) => Some(doubt.next),
            (None, Position::Head) => Some(Instant::now() + SETTINGS_CHECK),
            (None, Position::Behind) => None,
        };
        match signals.wait(look_again)? {
            Notice::Signal { number, .. } => return Ok(Turn::Stopped(number)),
            Notice::Woken => {}
            Notice::Child => continue,
            Notice::Deadline => {
                if let Some(Doubt { until, pause, .. }) = doubt {
                    doubt = match record.standing() {
                        Standing::Background { .. } | Standing::AskedToStop => None,
                        Standing::Foreground => return Ok(Turn::Start(Admission::default())),
                        Standing::Unknown if Instant::now() >= until => {
                            return Ok(Turn::Start(Admission::default()));
                        }
                        Standing::Unknown => {
                            let next = (Instant::now() + pause).min(until);
                            Some(Doubt { until, pause: pause * 2, next })
                        }
                    };
                }
                // No lock opens when an agent ends.
                let is_due = settings.have_changed()
                    || until_open.len() > WATCHERS
                    || queue.agents() != agents;
                if at == Position::Behind || !is_due {
                    continue;
                }
            }
        }
        agents = queue.agents();
        (until_open, at) = match queue.ask(&place, settings.slots())? {
            Answer::Yours(slot) => return Ok(admit(place, slot, Arrival::Waited)),
            Answer::Wait { until_open, at } => (until_open, at),
        };
    }
}

fn admit(place: Place, slot: Place, arrival: Arrival) -> Turn {
    Turn::Start(Admission { line: Some(place), arrival, _slot: Some(slot) })
}

/// As long as it is not known that the client calls this shell a background command.
struct Doubt {
    until: Instant,
    pause: Duration,
    next: Instant,
}

impl Doubt {
    fn new() -> Self {
        let now = Instant::now();
        Self { until: now + STANDING_PATIENCE, pause: STANDING_CHECK, next: now + STANDING_CHECK }
    }
}

/// When a file was written, and how many bytes it has.
type Stamp = (SystemTime, u64);

/// The limit as it is set now.
pub(crate) struct LiveSettings {
    dir: Option<PathBuf>,
    /// The file that `slots` were read from; none for no file.
    seen: Option<Stamp>,
    slots: SlotLimit,
}

impl LiveSettings {
    /// The settings in the client's configuration folder `dir`.
    pub(crate) fn at(dir: Option<PathBuf>) -> Self {
        Self { dir, seen: None, slots: Settings::default().max_background_tasks }
    }

    fn slots(&mut self) -> SlotLimit {
        // The time first: what is written between the two is seen next time. So is the whole of what is half written now.
        let stamp = self.stamp();
        if stamp != self.seen
            && let Some(settings) = self.dir.as_deref().and_then(Settings::read_whole)
        {
            self.seen = stamp;
            self.slots = settings.max_background_tasks;
        }
        self.slots
    }

    fn have_changed(&self) -> bool {
        self.stamp() != self.seen
    }

    fn stamp(&self) -> Option<Stamp> {
        let file = self.dir.as_ref()?.join("settings.json").metadata().ok()?;
        Some((file.modified().ok()?, file.len()))
    }
}

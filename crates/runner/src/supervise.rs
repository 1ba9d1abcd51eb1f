//! Watching over the command: its signals, its time limit, its end.

use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use sisyphus_process::{
    CommandChild, Notice, ProcessId, Sender, Signals, alive, descendants, members, signal_all,
    signal_group,
};
use sisyphus_tasks::run::{Exit, Stop};

use crate::record::Confirmation;

/// How long a command that was told to end has after TERM before it is killed.
const GRACE: Duration = Duration::from_secs(5);
/// How often the survivors of that are looked at.
const SURVIVOR_CHECK: Duration = Duration::from_millis(50);
/// What can't be waited for is asked for this often.
const BLIND_CHECK: Duration = Duration::from_millis(100);
/// How soon it is asked first whether the client calls this a background command, and how late at most it is asked again.
const FIRST_CHECK: Duration = Duration::from_millis(20);
const LAST_CHECK: Duration = Duration::from_secs(5);

const SIGKILL: i32 = 9;
pub(crate) const SIGTERM: i32 = 15;

/// When the command started, by both clocks.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Start {
    pub(crate) at: DateTime<Utc>,
    pub(crate) instant: Instant,
}

impl Start {
    pub(crate) fn now() -> Self {
        Self { at: Utc::now(), instant: Instant::now() }
    }
}

/// What was seen from start to end.
#[derive(Debug, Clone, Copy)]
pub(crate) struct End {
    pub(crate) exit: Exit,
    pub(crate) stop: Stop,
    pub(crate) ended_at: DateTime<Utc>,
    /// When it started and how long it ran, if it did.
    pub(crate) ran: Option<(Start, Duration)>,
}

impl End {
    /// Whether the client may have stopped it, and have written so into the output already.
    pub(crate) fn may_be_the_clients(self) -> bool {
        match self.stop {
            Stop::Signal(_) => true,
            // The shell may be gone before the runner is told.
            Stop::None => matches!(self.exit, Exit::Signal(_)),
            Stop::TimeLimit(_) | Stop::Asked => false,
        }
    }

    /// The end of a command that was sent a signal before its turn came.
    pub(crate) fn unstarted(signal: i32) -> Self {
        Self { exit: Exit::NotStarted, stop: Stop::Signal(signal), ended_at: Utc::now(), ran: None }
    }
}

/// How far the end of the command is.
enum Phase {
    /// It runs, and until when.
    Running { limit: Limit },
    /// It was told to end: the whole tree of that moment, and when it is killed.
    Condemned { tree: Vec<ProcessId>, kill_at: Instant },
}

impl Phase {
    fn deadline(&self) -> Option<Instant> {
        match self {
            Self::Running { limit } => limit.next(),
            Self::Condemned { kill_at, .. } => Some(*kill_at),
        }
    }
}

/// What is known of the time limit. It is that of the call, which the client names a moment after the start.
#[derive(Debug, Clone, Copy)]
enum Limit {
    /// It is asked again then, and after twice as long the next time.
    Unknown {
        next: Instant,
        pause: Duration,
    },
    At {
        at: Instant,
        limit_ms: u64,
    },
    None,
}

impl Limit {
    fn unknown() -> Self {
        Self::Unknown { next: Instant::now() + FIRST_CHECK, pause: FIRST_CHECK }
    }

    fn next(self) -> Option<Instant> {
        match self {
            Self::Unknown { next, .. } => Some(next),
            Self::At { at, .. } => Some(at),
            Self::None => None,
        }
    }

    /// What is known of it after asking once more.
    fn ask(pause: Duration, start: Start, confirmation_of: Confirmation) -> Self {
        match confirmation_of {
            Confirmation::Background { limit_ms: Some(limit_ms) } => {
                let at = start.instant.checked_add(Duration::from_millis(limit_ms));
                at.map_or(Self::None, |at| Self::At { at, limit_ms })
            }
            Confirmation::Background { limit_ms: None }
            | Confirmation::AskedToStop
            | Confirmation::Foreground => Self::None,
            Confirmation::Unknown => {
                let pause = (pause * 2).min(LAST_CHECK);
                Self::Unknown { next: Instant::now() + pause, pause }
            }
        }
    }
}

/// Waits for the end of the command. The limit counts from the start; it stops nothing that the client does not call a
/// background command, and `standing` tells whether it does.
pub(crate) fn supervise(
    child: &mut CommandChild,
    signals: &mut Signals,
    start: Start,
    confirmation_of: impl Fn() -> Confirmation,
) -> End {
    let group = child.pid();
    let mut stop = Stop::None;
    // What came while the command was being started was sent by one who could not know of it yet: it is passed on,
    // whoever sent it.
    if let Ok(Some(number)) = signals.pending() {
        stop = Stop::Signal(number);
        signal_group(group, number);
    }
    let mut phase = Phase::Running { limit: Limit::unknown() };

    let exit = loop {
        match child.try_wait() {
            Ok(Some(exit)) => break exit,
            Ok(None) => {}
            // Somebody else reaped it. That does not happen; if it does, its code was not seen.
            Err(_) => break Exit::Unseen,
        }
        let notice = signals.wait(phase.deadline());
        phase = match (phase, notice) {
            (phase, Ok(Notice::Child | Notice::Woken)) => phase,
            (phase, Ok(Notice::Signal { number, sender })) => {
                let asked =
                    sender == Sender::Other && confirmation_of() == Confirmation::AskedToStop;
                if asked && matches!(phase, Phase::Running { .. }) {
                    stop = Stop::Asked;
                    terminate(group)
                } else {
                    if stop == Stop::None {
                        stop = Stop::Signal(number);
                    }
                    // The client signals every process of the tree by itself: passed on, the command would get it twice.
                    if sender == Sender::Other && !asked {
                        signal_group(group, number);
                    }
                    phase
                }
            }
            (Phase::Running { limit: Limit::Unknown { pause, .. } }, Ok(Notice::Deadline)) => {
                Phase::Running { limit: Limit::ask(pause, start, confirmation_of()) }
            }
            (Phase::Running { limit: Limit::At { limit_ms, .. } }, Ok(Notice::Deadline)) => {
                if stop == Stop::None {
                    stop = Stop::TimeLimit(limit_ms);
                }
                terminate(group)
            }
            (phase @ Phase::Running { limit: Limit::None }, Ok(Notice::Deadline)) => phase,
            (Phase::Condemned { mut tree, .. }, Ok(Notice::Deadline)) => {
                kill(&mut tree);
                // Its leader is our child and not reaped: the number is still its group's.
                signal_group(group, SIGKILL);
                Phase::Condemned { tree, kill_at: Instant::now() + GRACE }
            }
            (phase, Err(_)) => {
                pause(BLIND_CHECK);
                phase
            }
        };
    };
    // The client signals the command itself right after the runner: its end may be noticed first.
    if stop == Stop::None
        && matches!(exit, Exit::Signal(_))
        && let Ok(Some(number)) = signals.pending()
    {
        stop = Stop::Signal(number);
    }
    let (ended_at, duration) = (Utc::now(), start.instant.elapsed());
    if let Phase::Condemned { tree, kill_at } = phase {
        reap(tree, kill_at);
    }
    End { exit, stop, ended_at, ran: Some((start, duration)) }
}

/// Tells the command and everything below it to end. Each once: to many programs a second TERM means "at once".
fn terminate(group: i32) -> Phase {
    // One whose parent has ended is nobody's descendant any more, but still of the group.
    let mut tree = members(&[group]);
    for process in ProcessId::now(group).into_iter().chain(descendants(&[group])) {
        if !tree.contains(&process) {
            tree.push(process);
        }
    }
    let outside: Vec<ProcessId> =
        tree.iter().copied().filter(|process| !process.is_in_group(group)).collect();
    signal_group(group, SIGTERM);
    signal_all(&outside, SIGTERM);
    Phase::Condemned { tree, kill_at: Instant::now() + GRACE }
}

fn kill(tree: &mut Vec<ProcessId>) {
    // Whoever was started since then is meant too, by whichever of them.
    let parents: Vec<i32> = alive(tree).iter().map(|process| process.pid).collect();
    tree.extend(descendants(&parents));
    signal_all(tree, SIGKILL);
}

/// The shell is gone, but what it started may not have minded the TERM: it has the rest of the grace. The number of the
/// group may be a stranger's by now, so each process is meant by itself.
fn reap(mut tree: Vec<ProcessId>, kill_at: Instant) {
    while !alive(&tree).is_empty() {
        if Instant::now() >= kill_at {
            kill(&mut tree);
            return;
        }
        pause(SURVIVOR_CHECK);
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "processes that are not our children can only be looked at"
)]
fn pause(time: Duration) {
    std::thread::sleep(time);
}

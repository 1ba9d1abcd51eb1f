//! Watching over the command: its signals, its time limit, its end.

use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use sisyphus_core::run_folder::{Exit, Stop};
use sisyphus_process::{
    CommandChild, Notice, ProcessId, Sender, Signals, alive, descendants, signal_all, signal_group,
};

/// How long a command that reached its limit has after TERM before it is killed.
const GRACE: Duration = Duration::from_secs(5);
/// How often the survivors of a time limit are looked at.
const SURVIVOR_CHECK: Duration = Duration::from_millis(50);
/// What can't be waited for is asked for this often.
const BLIND_CHECK: Duration = Duration::from_millis(100);

const SIGKILL: i32 = 9;
const SIGTERM: i32 = 15;

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
    pub(crate) start: Start,
    pub(crate) ended_at: DateTime<Utc>,
    pub(crate) duration: Duration,
}

/// Waits for the end of the command. `limit_ms` counts from the start.
pub(crate) fn supervise(
    child: &mut CommandChild,
    signals: &mut Signals,
    start: Start,
    limit_ms: Option<u64>,
) -> End {
    let limit = limit_ms.map(|ms| start.instant + Duration::from_millis(ms));
    let group = child.pid();
    let mut stop = Stop::None;
    let mut deadline = limit;
    let mut condemned: Vec<ProcessId> = Vec::new();

    let exit = loop {
        match child.try_wait() {
            Ok(Some(exit)) => break exit,
            Ok(None) => {}
            // Somebody else reaped it. That does not happen; if it does, its code was not seen, and 1 is no success.
            Err(_) => break Exit::Code(1),
        }
        match signals.wait(deadline) {
            Ok(Notice::Child) => {}
            Ok(Notice::Signal { number, sender }) => {
                if stop == Stop::None {
                    stop = Stop::Signal(number);
                }
                // The client signals every process of the tree by itself: passed on, the command would get it twice.
                if sender == Sender::Other {
                    signal_group(group, number);
                }
            }
            Ok(Notice::Deadline) if condemned.is_empty() => {
                if stop == Stop::None {
                    stop = Stop::TimeLimit(limit_ms.unwrap_or_default());
                }
                condemned = whole_tree(group);
                // Each once: to many programs a second TERM means "at once".
                let outside: Vec<ProcessId> = condemned
                    .iter()
                    .copied()
                    .filter(|process| !process.is_in_group(group))
                    .collect();
                signal_group(group, SIGTERM);
                signal_all(&outside, SIGTERM);
                deadline = Some(Instant::now() + GRACE);
            }
            Ok(Notice::Deadline) => {
                kill(group, &mut condemned);
                deadline = Some(Instant::now() + GRACE);
            }
            Err(_) => pause(BLIND_CHECK),
        }
    };
    let (ended_at, duration) = (Utc::now(), start.instant.elapsed());
    if !condemned.is_empty() {
        bury(group, condemned, deadline);
    }
    End { exit, stop, start, ended_at, duration }
}

/// The command's shell and everything below it.
fn whole_tree(group: i32) -> Vec<ProcessId> {
    ProcessId::now(group).into_iter().chain(descendants(&[group])).collect()
}

fn kill(group: i32, condemned: &mut Vec<ProcessId>) {
    // Whoever was started since then is meant too, by whichever of them.
    let parents: Vec<i32> = alive(condemned).iter().map(|process| process.pid).collect();
    condemned.extend(descendants(&parents));
    signal_all(condemned, SIGKILL);
    signal_group(group, SIGKILL);
}

/// The shell is gone, but what it started may not have minded the TERM: it has the rest of the grace.
fn bury(group: i32, mut condemned: Vec<ProcessId>, deadline: Option<Instant>) {
    while !alive(&condemned).is_empty() {
        if deadline.is_none_or(|deadline| Instant::now() >= deadline) {
            kill(group, &mut condemned);
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

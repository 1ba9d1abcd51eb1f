//! Supervises the command: its signals, its time limit, its exit.

use std::collections::BTreeSet;
use std::process::Child;
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use sisyphus_base::clock::Tick;
use sisyphus_process::{
    Notice, OomCounters, ProcessId, SIGKILL, SIGTERM, Sender, Signals, alive, descendants, exit_of,
    is_message, members, resume, signal_all, signal_group, try_wait,
};
use sisyphus_tasks::code_zero::Options;
use sisyphus_tasks::oom_kill::OomKill;
use sisyphus_tasks::outcome::Outcome;
use sisyphus_tasks::run::{Exit, RunResult, Stop};
use sisyphus_tasks::status::Survivors;
use sisyphus_tasks::usage::Usage;

use crate::confirmation::Confirmation;

/// How long after TERM a command has to exit before it is killed.
const GRACE: Duration = Duration::from_secs(5);
/// How often the runner checks for survivors of TERM.
const SURVIVOR_CHECK: Duration = Duration::from_millis(50);
/// How often the runner checks what it can't wait for.
const BLIND_CHECK: Duration = Duration::from_millis(100);
/// The first and the longest pause between two checks whether Claude Code calls this a background command.
const FIRST_CHECK: Duration = Duration::from_millis(20);
const LAST_CHECK: Duration = Duration::from_secs(5);

/// What the runner exits with after a time limit, as `timeout` of the coreutils does.
const TIMED_OUT: i32 = 124;

/// What a signal to the command reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reach {
    /// The process group that it leads.
    Group(i32),
    /// The command alone: it shares the process group of the runner, perhaps with the other commands of a pipeline.
    Process(i32),
}

impl Reach {
    fn signal(self, number: i32) {
        match self {
            Self::Group(group) => signal_group(group, number),
            Self::Process(pid) => signal_all(&ProcessId::now(pid), number),
        }
    }

    /// Sends it to the command alone, as its sender would without this runner in between. A sender that signals the whole
    /// group of a terminal's job reaches the command twice: nothing tells such a signal from one to this process.
    fn hand_on(self, number: i32) {
        let (Self::Group(pid) | Self::Process(pid)) = self;
        signal_all(&ProcessId::now(pid), number);
    }

    /// Whether [`signal`](Self::signal) reaches this process.
    fn holds(self, process: &ProcessId) -> bool {
        match self {
            Self::Group(group) => process.is_in_group(group),
            Self::Process(pid) => process.pid == pid,
        }
    }

    /// The command and everything that it has started.
    fn tree(self) -> BTreeSet<ProcessId> {
        let (pid, in_group) = match self {
            // A process whose parent has exited is no longer a descendant, but still in the group.
            Self::Group(group) => (group, members(&[group])),
            Self::Process(pid) => (pid, Vec::new()),
        };
        let with_leader = in_group.into_iter().chain(ProcessId::now(pid));
        with_leader.chain(descendants(&[pid])).collect()
    }

    /// Whether a signal that the runner got from this sender has reached the command too. If the runner forwarded it, the
    /// command would get it twice.
    fn is_signalled_by(self, sender: Sender) -> bool {
        match (self, sender) {
            // Claude Code signals every process of the tree itself.
            (Self::Group(_), Sender::Outside | Sender::Parent) => true,
            // The terminal signals the whole process group, a shell its job's first process.
            (Self::Process(_), Sender::Outside) => true,
            (Self::Process(_), Sender::Parent) | (_, Sender::Other) => false,
        }
    }
}

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

/// What the runner saw from start to exit.
#[derive(Debug, Clone, Copy)]
pub(crate) struct End {
    pub(crate) exit: Exit,
    pub(crate) stop: Stop,
    pub(crate) ended_at: DateTime<Utc>,
    /// When it started and how long it ran, if it did.
    pub(crate) ran: Option<(Start, Duration)>,
    /// What it used, as the system counted it.
    pub(crate) usage: Option<Usage>,
    /// What the kernel's counters said of want of memory, if it failed by itself.
    pub(crate) oom_kill: Option<OomKill>,
}

impl End {
    /// Whether Claude Code may have stopped it. Then Claude Code may already have written that into the output.
    pub(crate) fn may_be_the_clients(self) -> bool {
        match self.stop {
            Stop::Signal(_) => true,
            // The shell may be gone before the signal reaches the runner.
            Stop::None => matches!(self.exit, Exit::Signal(_)),
            Stop::TimeLimit(_) | Stop::Asked => false,
        }
    }

    /// What the runner's own exit says, and Claude Code shows: how the command exited, unless the runner stopped it.
    pub(crate) fn shown(self) -> Exit {
        match self.stop {
            Stop::TimeLimit(_) => Exit::Code(TIMED_OUT),
            Stop::None | Stop::Signal(_) | Stop::Asked => self.exit,
        }
    }

    /// The result to record, without what the runner knows of the output.
    pub(crate) fn result(self, waited: Duration, ended: Tick, survivors: Survivors) -> RunResult {
        let (started_at, duration) = match self.ran {
            Some((start, duration)) => (Some(start.at), duration),
            None => (None, Duration::ZERO),
        };
        RunResult {
            exit: self.exit,
            stop: self.stop,
            started_at,
            ended_at: self.ended_at,
            ended: Some(ended),
            duration_ms: millis(duration),
            waited_ms: millis(waited),
            survivors,
            options: Options::Unknown,
            skipped: None,
            usage: self.usage,
            oom_kill: self.oom_kill,
            client_file: None,
            output: None,
        }
    }

    /// The end of a command whose runner received a signal before the command started.
    pub(crate) fn unstarted(signal: i32) -> Self {
        Self {
            exit: Exit::NotStarted,
            stop: Stop::Signal(signal),
            ended_at: Utc::now(),
            ran: None,
            usage: None,
            oom_kill: None,
        }
    }
}

/// The phase of the command's life.
enum Phase {
    /// It runs, and whether it has a time limit is not known yet: the call has the limit, and Claude Code names the call
    /// a moment after the start. The runner checks again at `next`, and then after twice the pause.
    Unnamed { next: Instant, pause: Duration },
    /// It runs until its time limit.
    Limited { at: Instant, limit_ms: u64 },
    /// It runs as long as it wants.
    Unlimited,
    /// It got TERM: the whole tree at that moment, and when the runner kills it.
    Condemned { tree: BTreeSet<ProcessId>, kill_at: Instant },
}

impl Phase {
    fn deadline(&self) -> Option<Instant> {
        match self {
            Self::Unnamed { next, .. } => Some(*next),
            Self::Limited { at, .. } => Some(*at),
            Self::Unlimited => None,
            Self::Condemned { kill_at, .. } => Some(*kill_at),
        }
    }

    fn unnamed(pause: Duration) -> Self {
        Self::Unnamed { next: Instant::now() + pause, pause }
    }

    /// The phase after another check, which came after this pause.
    fn after_check(pause: Duration, start: Start, confirmation: Confirmation) -> Self {
        match confirmation {
            Confirmation::Background { limit_ms: Some(limit_ms) } => {
                let at = start.instant.checked_add(Duration::from_millis(limit_ms));
                at.map_or(Self::Unlimited, |at| Self::Limited { at, limit_ms })
            }
            Confirmation::Background { limit_ms: None }
            | Confirmation::AskedToStop
            | Confirmation::Foreground => Self::Unlimited,
            Confirmation::Unknown => Self::unnamed((pause * 2).min(LAST_CHECK)),
        }
    }
}

/// Waits for the command to exit. The limit counts from the start. It stops only what Claude Code calls a background
/// command, which `confirmation_of` reports. `counters` are from after the start, which does not wait for them.
pub(crate) fn supervise(
    child: &mut Child,
    reach: Reach,
    signals: &mut Signals,
    start: Start,
    counters: &OomCounters,
    confirmation_of: impl Fn() -> Confirmation,
) -> End {
    let mut stop = Stop::None;
    // A signal that came while the command was being started did not reach it. So the runner forwards it, from any
    // sender.
    while let Ok(Some(number)) = signals.pending() {
        if !is_message(number) {
            stop = Stop::Signal(number);
            reach.signal(number);
            break;
        }
        reach.hand_on(number);
    }
    let mut phase = Phase::unnamed(FIRST_CHECK);

    let (exit, usage) = loop {
        match try_wait(child) {
            Ok(Some((status, usage))) => break (exit_of(status), usage),
            Ok(None) => {}
            // Another process reaped it. That does not happen; if it does, its exit code is unknown.
            Err(_) => break (Exit::Unseen, None),
        }
        let notice = signals.wait(phase.deadline());
        phase = match (phase, notice) {
            (phase, Ok(Notice::Child | Notice::Woken)) => phase,
            (phase, Ok(Notice::Signal { number, .. })) if is_message(number) => {
                reach.hand_on(number);
                phase
            }
            (phase, Ok(Notice::Signal { number, sender })) => {
                let asked =
                    sender == Sender::Other && confirmation_of() == Confirmation::AskedToStop;
                if asked && !matches!(phase, Phase::Condemned { .. }) {
                    stop = Stop::Asked;
                    terminate(reach)
                } else {
                    if stop == Stop::None {
                        stop = Stop::Signal(number);
                    }
                    if !asked && !reach.is_signalled_by(sender) {
                        reach.signal(number);
                    }
                    phase
                }
            }
            (Phase::Unnamed { pause, .. }, Ok(Notice::Deadline)) => {
                Phase::after_check(pause, start, confirmation_of())
            }
            (Phase::Limited { limit_ms, .. }, Ok(Notice::Deadline)) => {
                if stop == Stop::None {
                    stop = Stop::TimeLimit(limit_ms);
                }
                terminate(reach)
            }
            (Phase::Unlimited, Ok(Notice::Deadline)) => Phase::Unlimited,
            (Phase::Condemned { mut tree, .. }, Ok(Notice::Deadline)) => {
                kill(&mut tree);
                // It is our child and not reaped yet, so the number is still its own.
                reach.signal(SIGKILL);
                Phase::Condemned { tree, kill_at: Instant::now() + GRACE }
            }
            (phase, Err(_)) => {
                pause(BLIND_CHECK);
                phase
            }
        };
    };
    // Claude Code and a terminal signal the command too, so the runner may notice the exit before its own signal.
    while stop == Stop::None
        && let Ok(Some(number)) = signals.pending()
    {
        if !is_message(number) {
            stop = Stop::Signal(number);
        }
    }
    let (ended_at, duration) = (Utc::now(), start.instant.elapsed());
    if let Phase::Condemned { tree, kill_at } = phase {
        reap(tree, kill_at);
    }
    let oom_kill = oom_kill(exit, stop, counters);
    End { exit, stop, ended_at, ran: Some((start, duration)), usage, oom_kill }
}

/// Looks at the counters of want of memory if the command failed by itself. The kernel raises them before it ends a process.
fn oom_kill(exit: Exit, stop: Stop, counters: &OomCounters) -> Option<OomKill> {
    let outcome = match (stop, exit) {
        (Stop::None, Exit::Code(code)) => Outcome::from_exit_code(code),
        (Stop::None, Exit::Signal(signal)) => Outcome::Killed { signal },
        (_, Exit::Unseen | Exit::NotStarted)
        | (Stop::TimeLimit(_) | Stop::Signal(_) | Stop::Asked, _) => return None,
    };
    if !OomKill::ControlGroup.may_explain(&outcome) {
        return None;
    }
    let on_machine = || counters.machine_has_risen().filter(|it| it.may_explain(&outcome));
    counters.group_has_risen().or_else(on_machine)
}

/// Sends TERM to the command and everything below it. Each process gets it once: to many programs a second TERM means
/// "at once".
fn terminate(reach: Reach) -> Phase {
    let tree = reach.tree();
    let outside: Vec<&ProcessId> = tree.iter().filter(|process| !reach.holds(process)).collect();
    reach.signal(SIGTERM);
    signal_all(outside, SIGTERM);
    // A suspended process gets its TERM when it goes on.
    tree.iter().copied().for_each(resume);
    Phase::Condemned { tree, kill_at: Instant::now() + GRACE }
}

fn kill(tree: &mut BTreeSet<ProcessId>) {
    // This includes the processes that any of them has started since then.
    let parents: Vec<i32> = alive(&*tree).iter().map(|process| process.pid).collect();
    tree.extend(descendants(&parents));
    signal_all(&*tree, SIGKILL);
}

/// Ends the process that leads `group`, and everything below it, as at a time limit. Returns when all are gone.
pub(crate) fn end_tree(group: i32) {
    if let Phase::Condemned { tree, kill_at } = terminate(Reach::Group(group)) {
        reap(tree, kill_at);
    }
}

/// The shell is gone, but its processes may have ignored the TERM: they have the rest of the grace. The number of the
/// group may belong to other processes already, so the runner signals each process by itself.
fn reap(mut tree: BTreeSet<ProcessId>, kill_at: Instant) {
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
    reason = "processes that are not our children can only be polled"
)]
fn pause(time: Duration) {
    std::thread::sleep(time);
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

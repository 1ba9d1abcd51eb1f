//! The waiter that starts at Stop: it wakes an idle session if Claude Code does not announce a result.
//!
//! Claude Code starts the waiter at every Stop and continues (`asyncRewake`). When the waiter exits with code 2, its
//! output starts a turn. That turn's prompt passes our UserPromptSubmit hook. The hook adds the results, or blocks the
//! prompt if they were delivered since. So the waiter leases nothing, and a second wake-up costs no turn.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use sisyphus_base::atomic;
use sisyphus_base::clock::Now;
use sisyphus_base::environment::Attendance;
use sisyphus_base::id::SessionId;
use sisyphus_base::paths::create_dir;
use sisyphus_hook::{Context, Stop, WAKE_WORDS};
use sisyphus_process::{
    Notice, ProcessId, SIGTERM, Signals, Watchers, can_end_with_parent, end_with_parent, is_alive,
    parent, signal_all, start_notifier,
};
use sisyphus_settings::Switch;
use sisyphus_state::run::Run;
use sisyphus_state::store::{LOCK_WAIT_IN_RUNNER, Lock, Sent, SentTo};
use sisyphus_tasks::delivery::Channel;
use sisyphus_tasks::status::Status;
use sisyphus_tasks::task::{AgentLife, Task};

use crate::deliver::{GRACE, Recipient};
use crate::fates::{Fates, Unmentioned};
use crate::listens::{new_addresses, next_look};
use crate::stall::next_stall;

/// How long the previous waiter has to exit.
const SUPERSEDE_WAIT: Duration = Duration::from_secs(2);
/// How often the waiter checks whether a result was delivered, while Claude Code may still announce it.
const GRACE_CHECK: Duration = Duration::from_millis(500);
/// How soon the waiter checks a task again whose shell has not started yet.
const START_CHECK: Duration = Duration::from_secs(1);
/// How often the waiter checks whether a watched task has ended that no runner of ours has.
const WATCH_CHECK: Duration = Duration::from_secs(60);
/// The reader that the waiter wakes.
const MAIN: Recipient = Recipient::MainConversation;
/// Largest file that names a waiter, in bytes.
const MAX_BYTES: u64 = 1024;

/// Waits until a result is overdue. Returns the words that wake the session; `None` if there is nothing to wake it for.
pub fn handle(context: &Context, event: Stop) -> Result<Option<String>> {
    let client = parent();
    // Where no user attends the session, Claude Code would wait for the waiter before it exits.
    if context.environment.attendance == Attendance::Unattended
        || context.settings().execution == Switch::Off
        // If Claude Code is killed, the waiter must not stay behind: the next event delivers instead.
        || !can_end_with_parent()
    {
        return Ok(None);
    }
    let session = &event.session_id;
    let transcript = event.transcript_path.as_deref();
    if let Due::Nothing = look(context, session, transcript)? {
        return Ok(None);
    }
    let mut signals = Signals::collect()?;
    end_with_parent(client)?;
    let _only = supersede(context, session)?;
    let watchers = Watchers::default();
    // The Stop hook, which Claude Code waits for, runs first and delivers what is overdue already.
    let mut pause = Some(GRACE_CHECK);
    loop {
        match signals.wait(pause.map(|pause| Instant::now() + pause))? {
            Notice::Signal { .. } => return Ok(None),
            Notice::Woken | Notice::Deadline | Notice::Child => {}
        }
        pause = match look(context, session, transcript)? {
            Due::Nothing => return Ok(None),
            Due::Overdue => {
                return Ok(may_wake(context, session)?.then(|| WAKE_WORDS.to_owned()));
            }
            Due::Lines if may_wake_for_matches(context, session)? => {
                return Ok(Some(WAKE_WORDS.to_owned()));
            }
            // Another process has woken the session in the meantime.
            Due::Lines => Some(GRACE_CHECK),
            Due::Wait { locks, next } => {
                watchers.watch(locks)?;
                next
            }
        };
    }
}

/// What the waiter waits for.
enum Due {
    Nothing,
    /// Claude Code did not announce a result in time, or a command has stalled.
    Overdue,
    /// A running task has printed lines that the model waits for, and they may wake the session now.
    Lines,
    /// The locks that open when running tasks finish, and when to check again.
    Wait {
        locks: Vec<PathBuf>,
        next: Option<Duration>,
    },
}

fn look(context: &Context, session: &SessionId, transcript: Option<&Path>) -> Result<Due> {
    start_notifier(context.store.dir());
    let peek = context.peek()?;
    let fates =
        Fates::read(context, peek.active.sent(session), transcript, Unmentioned::InProgress);
    if !fates.is_empty() || peek.has_news() {
        context.commit(peek, &[], |active, now| fates.apply(active, now))?;
    }
    let addresses = new_addresses(context, &*context.store.read_active()?, session, &MAIN);
    if !addresses.is_empty() {
        context.store.update(&context.world(), LOCK_WAIT_IN_RUNNER, |active, now| {
            addresses.apply(active, now);
        })?;
    }
    let active = context.store.read_active()?;
    // The clock is read after the state. Otherwise a result that became due in between would seem to be from another
    // start of the machine.
    let now = Now::read();
    let owed_since = active.owed_since(session, &MAIN);
    if owed_since.is_some_and(|since| since.age(now.tick) > GRACE) {
        return Ok(Due::Overdue);
    }
    let stall = next_stall(context, session)?;
    if stall.is_some_and(|at| at <= now.at) {
        return Ok(Due::Overdue);
    }
    let has_lines = active.matches_since(session, &MAIN, is_alive).is_some();
    let lines_in = has_lines.then(|| active.match_wake_in(session, now.tick));
    if lines_in.is_some_and(|wait| wait.is_zero()) {
        return Ok(Due::Lines);
    }
    let is_doubtful = active.sent(session).iter().any(may_come_back);
    let mut next = (owed_since.is_some() || is_doubtful)
        .then_some(GRACE_CHECK)
        .or_else(|| stall.map(|at| (at - now.at).to_std().unwrap_or_default()));
    let mut locks = Vec::new();
    for task in active.live().filter(|task| is_meant(task, session)) {
        if task.has_runner() {
            let Some(run) = Run::of(task, context.store.dir()) else { continue };
            // No runner holds the lock yet, or it was opened and not locked again yet.
            if !run.is_alive() {
                next = next.or(Some(START_CHECK));
            }
            locks.push(run.lock());
        } else if let Status::Pending { .. } = task.status() {
            next = next.or(Some(START_CHECK));
        }
    }
    let address_in = next_look(&active, session, &MAIN, now.at);
    next = [next, lines_in, address_in].into_iter().flatten().min();
    let is_watched = |task: &Task| task.matches.as_ref().is_some_and(|it| it.watch().is_some());
    if locks.is_empty()
        && next.is_none()
        && active.live().any(|task| is_meant(task, session) && is_watched(task))
    {
        // The server rings when it has found something.
        next = Some(WATCH_CHECK);
    }
    if locks.is_empty() && next.is_none() {
        return Ok(Due::Nothing);
    }
    Ok(Due::Wait { locks, next })
}

fn is_meant(task: &Task, session: &SessionId) -> bool {
    &task.session == session && task.is_confirmed() && task.is_for(&MAIN)
}

/// Whether a result that was sent may come back although no event follows.
fn may_come_back(sent: &Sent) -> bool {
    match (sent.with, &sent.to) {
        (Channel::Prompt, _) => true,
        (Channel::AgentEvent, SentTo::Agent { life, .. }) => *life == AgentLife::Stopped,
        (Channel::AgentEvent, SentTo::MainConversation) | (Channel::Event, _) => false,
    }
}

fn may_wake_for_matches(context: &Context, session: &SessionId) -> Result<bool> {
    context.store.update(&context.world(), LOCK_WAIT_IN_RUNNER, |active, now| {
        active.may_wake_for_matches(session, now.tick)
    })
}

fn may_wake(context: &Context, session: &SessionId) -> Result<bool> {
    context.store.update(&context.world(), LOCK_WAIT_IN_RUNNER, |active, now| {
        active.may_wake(session, now.tick)
    })
}

/// Replaces the session's waiter, which doesn't know the tasks that were started since.
fn supersede(context: &Context, session: &SessionId) -> Result<Lock> {
    let state = context.store.dir();
    let (lock, name) = (state.wake_lock(session), state.waiter(session));
    create_dir(&state.wake_dir())?;
    let before = atomic::read(&name, MAX_BYTES)?
        .and_then(|bytes| serde_json::from_slice::<(i32, Option<u64>)>(&bytes).ok());
    // A waiter lives as long as its lock is held. A process id alone may belong to another process.
    if let Some((pid, start @ Some(_))) = before
        && Lock::acquire(&lock, Duration::ZERO).is_err()
    {
        signal_all(&[ProcessId { pid, start }], SIGTERM);
    }
    let taken = Lock::acquire(&lock, SUPERSEDE_WAIT)?;
    let own = ProcessId::own();
    let named = serde_json::to_vec(&(own.pid, own.start)).context("could not encode a number")?;
    atomic::write(&name, &named)?;
    Ok(taken)
}

//! The waiter behind Stop: if the session idles and the client's notice of an end does not come, it is woken.
//!
//! The client starts it at every Stop and goes on (`asyncRewake`); when it ends with exit code 2, what it says starts a
//! turn. That turn's prompt passes our UserPromptSubmit hook, which adds the results, or swallows the prompt if they were
//! told meanwhile. So nothing is claimed here, and to be woken twice costs nobody a turn.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use chrono::{DateTime, Utc};
use sisyphus_core::atomic;
use sisyphus_core::environment::Attendance;
use sisyphus_core::id::SessionId;
use sisyphus_core::run_folder::RunRoot;
use sisyphus_core::settings::Execution;
use sisyphus_core::status::{Status, Watch};
use sisyphus_core::store::{LOCK_WAIT_IN_RUNNER, Lock, is_held};
use sisyphus_core::task::Task;
use sisyphus_hook::{Context, Stop, WAKE_WORDS};
use sisyphus_process::{
    Notice, ProcessId, Signals, Watchers, end_with_parent, parent, signal_all, start_notifier,
};

use crate::agent::{has_turn, is_in_line, settle};
use crate::deliver::{Recipient, due};
use crate::silence::next_silence;
use crate::take_back::take_back;

/// How long the waiter before this one has to end.
const SUPERSEDE_WAIT: Duration = Duration::from_secs(2);
/// How often it is looked whether a result was told while the client has its time to announce it.
const GRACE_CHECK: Duration = Duration::from_millis(500);
/// How soon a task is looked at again whose shell has not come up yet.
const START_CHECK: Duration = Duration::from_secs(1);
/// How often it is looked whether the turn of an agent has come that had to wait: no lock opens when another one ends.
const LINE_CHECK: Duration = Duration::from_secs(2);
/// Largest file that names a waiter, in bytes.
const MAX_BYTES: u64 = 1024;

const SIGTERM: i32 = 15;

/// Waits until a result is overdue. Returns the words that wake the session; `None` if there is nothing to wake it for.
pub fn handle(context: &Context, event: Stop) -> Result<Option<String>> {
    let client = parent();
    // Without a person to look at it the client would wait for us before it ends.
    if context.environment.attendance == Attendance::Nobody
        || context.settings().execution == Execution::Off
    {
        return Ok(None);
    }
    let session = &event.session_id;
    let transcript = event.transcript_path.as_deref();
    if let Outlook::Nothing = look(context, session, transcript)? {
        return Ok(None);
    }
    let mut signals = Signals::collect()?;
    // Killed, the client would leave us behind.
    end_with_parent(client)?;
    let _only = supersede(context, session)?;
    let mut watchers = Watchers::default();
    // The hook that the client waits for at this Stop tells what is overdue already: it goes first.
    let mut pause = Some(GRACE_CHECK);
    loop {
        match signals.wait(pause.map(|pause| Instant::now() + pause))? {
            Notice::Signal { .. } => return Ok(None),
            Notice::Woken | Notice::Deadline | Notice::Child => {}
        }
        pause = match look(context, session, transcript)? {
            Outlook::Nothing => return Ok(None),
            Outlook::Overdue => {
                return Ok(may_wake(context, session)?.then(|| WAKE_WORDS.to_owned()));
            }
            Outlook::Wait { locks, next } => {
                watchers.watch(locks)?;
                next
            }
        };
    }
}

/// What there is to wait for.
enum Outlook {
    Nothing,
    /// The client had its time to announce a result, or a command has been silent for too long.
    Overdue,
    /// The ends of tasks that run, as far as they can be waited for, and when to look again.
    Wait {
        locks: Vec<PathBuf>,
        next: Option<Duration>,
    },
}

fn look(context: &Context, session: &SessionId, transcript: Option<&Path>) -> Result<Outlook> {
    context.fold();
    start_notifier(context.store.dir());
    take_back(context, session, transcript)?;
    let now = Utc::now();
    let in_line = is_in_line(&context.store.read_active()?, session);
    if in_line {
        // A slot may have become free in another session, whose events know nothing of this one.
        settle(context, now);
        if has_turn(&context.store.read_active()?, session) {
            return Ok(Outlook::Overdue);
        }
    }
    let outbox = context.store.read_outbox(session)?;
    let soonest: Option<DateTime<Utc>> = outbox.held().filter_map(due).min();
    if soonest.is_some_and(|due| due <= now) {
        return Ok(Outlook::Overdue);
    }
    let silence = next_silence(context, session)?;
    if silence.is_some_and(|at| at <= now) {
        return Ok(Outlook::Overdue);
    }
    // What went out with a prompt may come back.
    let is_doubtful = !outbox.sent().is_empty();
    let mut next = (soonest.is_some() || is_doubtful)
        .then_some(GRACE_CHECK)
        .or_else(|| silence.map(|at| (at - now).to_std().unwrap_or_default()));
    if in_line {
        next = Some(next.map_or(LINE_CHECK, |next| next.min(LINE_CHECK)));
    }
    let mut locks = Vec::new();
    for task in context.store.read_active()?.tasks.iter().filter(|task| is_meant(task, session)) {
        match &task.status {
            Status::Queued { .. } | Status::Running { watch: Watch::Supervised, .. } => {
                // One that can't be believed must not keep the others from being heard.
                let Ok(Some(root)) = RunRoot::of(task) else { continue };
                let lock = root.folder(&task.id).lock();
                // Not taken yet, or opened and not folded yet.
                if !is_held(&lock).unwrap_or(true) {
                    next = next.or(Some(START_CHECK));
                }
                locks.push(lock);
            }
            Status::Pending { .. } => next = next.or(Some(START_CHECK)),
            // Its end is known from the client's notice alone.
            Status::Running { watch: Watch::Observed, .. } | Status::Finished(_) => {}
        }
    }
    if locks.is_empty() && next.is_none() {
        return Ok(Outlook::Nothing);
    }
    Ok(Outlook::Wait { locks, next })
}

fn is_meant(task: &Task, session: &SessionId) -> bool {
    &task.session == session && task.is_bound() && Recipient::MainConversation.is_of(task)
}

fn may_wake(context: &Context, session: &SessionId) -> Result<bool> {
    context.store.update(LOCK_WAIT_IN_RUNNER, |transaction| {
        Ok(transaction.outbox(session)?.may_wake(Utc::now()))
    })
}

/// Takes the place of the session's waiter. The one before knows nothing of the tasks that were started since.
fn supersede(context: &Context, session: &SessionId) -> Result<Lock> {
    let state = context.store.dir();
    let (lock, name) = (state.wake_lock(session), state.waiter(session));
    state.create_wake_dir()?;
    let before = atomic::read(&name, MAX_BYTES)?
        .and_then(|bytes| serde_json::from_slice::<(i32, Option<u64>)>(&bytes).ok());
    if let Some((pid, start @ Some(_))) = before {
        // A waiter lives as long as its lock is held; a number alone may be a stranger's.
        if Lock::acquire(&lock, Duration::ZERO).is_err() {
            signal_all(&[ProcessId { pid, start }], SIGTERM);
        }
    }
    let taken = Lock::acquire(&lock, SUPERSEDE_WAIT)?;
    let own = ProcessId::own();
    let named = serde_json::to_vec(&(own.pid, own.start)).context("could not encode a number")?;
    atomic::write(&name, &named)?;
    Ok(taken)
}

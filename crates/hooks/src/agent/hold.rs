//! Holds an agent that Claude Code has launched until it has a slot. Claude Code runs SubagentStart before the agent's
//! first request, and waits for it. Meanwhile the conversation goes on, and the user can stop the agent as any other.
//!
//! In doubt the hook lets go: the agent runs as without us.

use std::path::Path;
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use anyhow::Result;
use sisyphus_base::clock::Now;
use sisyphus_base::id::{ClientTaskId, SessionId};
use sisyphus_hook::Context;
use sisyphus_process::{end_with_parent, parent};
use sisyphus_settings::Switch;
use sisyphus_state::agents::{Limits, admission, has_unanswered};
use sisyphus_tasks::admission::Admission;

use super::{Update, settle_with};

/// How long PostToolUse has to record which agent the call got. It runs at the same time as this hook.
const ANSWER_WAIT: Duration = Duration::from_secs(5);
const ANSWER_CHECK: Duration = Duration::from_millis(20);
/// How often the hook checks whether the state has changed.
const CHANGE_CHECK: Duration = Duration::from_millis(200);
/// How often the hook of the first agent in the queue looks for a free slot by itself. A command that ends, a lowered
/// limit that is over and a changed setting change no state.
const SLOT_CHECK: Duration = Duration::from_secs(1);

/// What the hook learned of the agent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Known {
    /// It has a record, and may work now.
    Recorded,
    /// No call of the main conversation led to it.
    Not,
}

/// Waits until the agent may work. Returns at once if it is not one that waits.
pub(crate) fn hold(context: &Context, session: &SessionId, id: &ClientTaskId) -> Result<Known> {
    // If Claude Code is killed, the hook must not stay behind.
    end_with_parent(parent())?;
    if !is_recorded(context, session, id)? {
        return Ok(Known::Not);
    }
    loop {
        let settings = context.read_settings();
        if settings.execution == Switch::Off {
            return Ok(Known::Recorded);
        }
        let update =
            Update { limits: Limits::of(&settings), now: Now::read(), ..Update::of(context) };
        let changed = changed_at(&context.store.dir().active());
        let mut seen = admission(&*context.store.read_active()?, id, &update.limits);
        if seen == Some(Admission::Queued { position: 1 }) {
            settle_with(&update);
            seen = admission(&*context.store.read_active()?, id, &update.limits);
        }
        let Some(Admission::Queued { .. }) = seen else { return Ok(Known::Recorded) };
        let until = Instant::now() + SLOT_CHECK;
        while Instant::now() < until && changed_at(&context.store.dir().active()) == changed {
            pause(CHANGE_CHECK);
        }
    }
}

/// Whether the agent has a record. Waits for it while a call has no answer.
fn is_recorded(context: &Context, session: &SessionId, id: &ClientTaskId) -> Result<bool> {
    let until = Instant::now() + ANSWER_WAIT;
    let limits = Limits::of(context.settings());
    loop {
        let active = context.store.read_active()?;
        if admission(&active, id, &limits).is_some() {
            return Ok(true);
        }
        if !has_unanswered(&active, session) {
            return Ok(false);
        }
        if Instant::now() >= until {
            // If PostToolUse did not get the lock, it left its event to the next commit.
            context.commit(context.peek()?, &[], |_, _| ())?;
            return Ok(admission(&*context.store.read_active()?, id, &limits).is_some());
        }
        pause(ANSWER_CHECK);
    }
}

fn changed_at(path: &Path) -> Option<SystemTime> {
    path.metadata().and_then(|metadata| metadata.modified()).ok()
}

#[expect(clippy::disallowed_methods, reason = "a file reports no change without a watcher's cost")]
fn pause(time: Duration) {
    thread::sleep(time);
}

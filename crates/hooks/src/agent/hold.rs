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
use sisyphus_process::{can_end_with_parent, end_with_parent, parent};
use sisyphus_settings::Switch;
use sisyphus_state::agents::{Limits, admission, has_unanswered};
use sisyphus_state::event::Event;
use sisyphus_tasks::admission::Admission;

use super::{Update, settle_with};

/// How long PostToolUse has to record which agent the call got. It runs at the same time as this hook.
const ANSWER_WAIT: Duration = Duration::from_secs(3);
const ANSWER_CHECK: Duration = Duration::from_millis(20);
/// How often the hook checks whether the state has changed.
const CHANGE_CHECK: Duration = Duration::from_millis(200);
/// How often the hook reads the settings, and how often the first in the queue looks for a free slot.
const SLOT_CHECK: Duration = Duration::from_secs(1);
/// How often the last in a long queue looks.
const MOST: Duration = Duration::from_secs(10);
/// How long the state may be unwritable, as on a full disk, before the hook lets go.
const FAILING_FOR: Duration = Duration::from_secs(10);

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
    // If Claude Code is killed, the hook must not stay behind. Where it would, no agent waits.
    if !can_end_with_parent() {
        return Ok(Known::Not);
    }
    end_with_parent(parent())?;
    if !is_recorded(context, session, id)? {
        return Ok(Known::Not);
    }
    if wait(context, id)? == Ending::LetGo {
        let let_go = Event::AgentLetGo { id: id.clone(), at: Now::read().at };
        context.logged("agents", context.commit(context.peek()?, &[let_go], |_, _| ()));
    }
    Ok(Known::Recorded)
}

/// How the wait of a queued agent ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ending {
    /// It has a slot, or it is over.
    Admitted,
    /// Nothing would tell this hook that a slot is free.
    LetGo,
}

fn wait(context: &Context, id: &ClientTaskId) -> Result<Ending> {
    let mut looked = Instant::now();
    let mut works_since = Instant::now();
    loop {
        let settings = context.read_settings();
        let update = Update {
            limits: Limits::of(&settings).into(),
            now: Now::read(),
            ..Update::of(context)
        };
        let changed = changed_at(&context.store.dir().active());
        let mut seen = admission(&*context.store.read_active()?, id, update.limits());
        if let Some(Admission::Queued { position }) = seen
            && looked.elapsed() >= pause_of(position)
        {
            looked = Instant::now();
            if settle_with(&update).is_ok() {
                works_since = looked;
            }
            seen = admission(&*context.store.read_active()?, id, update.limits());
        }
        let Some(Admission::Queued { .. }) = seen else { return Ok(Ending::Admitted) };
        let is_off = settings.execution == Switch::Off || settings.hooks == Switch::Off;
        if is_off || !has_hooks(context) || works_since.elapsed() >= FAILING_FOR {
            return Ok(Ending::LetGo);
        }
        let until = Instant::now() + SLOT_CHECK;
        while Instant::now() < until && changed_at(&context.store.dir().active()) == changed {
            pause(CHANGE_CHECK);
        }
    }
}

/// How often the hook looks for a free slot by itself. A command that ends, a lowered limit that is over and a changed
/// setting change no state. The first in the queue looks for all. The others look in case its hook was killed.
fn pause_of(position: usize) -> Duration {
    SLOT_CHECK.saturating_mul(u32::try_from(position - 1).unwrap_or(u32::MAX)).min(MOST)
}

/// Whether the plugin is where Claude Code loaded it from. Without it no hook reports the end of another agent.
fn has_hooks(context: &Context) -> bool {
    let root = context.environment.claude_plugin_root.as_ref();
    root.is_none_or(|root| root.join("hooks/hooks.json").exists())
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
            // If PostToolUse did not get the lock, it left its event to the next commit. Nothing holds the agent then.
            let let_go = Event::AgentLetGo { id: id.clone(), at: Now::read().at };
            context.commit(context.peek()?, &[let_go], |_, _| ())?;
            return Ok(false);
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

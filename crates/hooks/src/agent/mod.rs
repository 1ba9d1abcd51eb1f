//! What Claude Code's events mean for its agents.

mod after;
mod before;
mod definition;
mod end;
mod message;
mod model;

use std::time::Duration;

use anyhow::Result;
use chrono::{DateTime, Utc};
use sisyphus_base::clock::Now;
use sisyphus_base::id::{ClientTaskId, SessionId};
use sisyphus_hook::{Context, Reply};
use sisyphus_process::is_gone;
use sisyphus_state::agents::{
    Limits, Notified, Published, Turn, advance, end_orphans, forget_prompts, has_lapsed, has_news,
    has_orphans, leave_line, live_agents, requeue, take_news,
};
use sisyphus_state::line::{AgentSlots, RuntimeDir};
use sisyphus_state::store::{Active, LOCK_WAIT_IN_HOOK};
use sisyphus_wording::{NEWS_MAX, agent_news};

pub(crate) use after::after_agent;
pub(crate) use before::before_agent;
pub(crate) use end::{agent_end, stopped};

/// Changes the state of the agents and makes it consistent: dead agents hold no slots, and free slots are reserved for
/// the next calls in the queue.
fn update<T>(
    context: &Context,
    now: Now,
    wait: Duration,
    change: impl FnOnce(&mut Active, &Limits, Now) -> T,
) -> Result<T> {
    let limits = Limits::of(context.settings());
    context.store.update(&context.world(), wait, |active, _| {
        end_orphans(active, is_gone, now);
        let value = change(active, &limits, now);
        advance(active, &limits, now.at);
        // The runners read this. A failure to publish it must not undo what happened.
        let published = publish(context, active, &limits, now.at);
        if let Some(published) = context.logged("agents", published) {
            active.agents.published = published;
        }
        value
    })
}

fn publish(
    context: &Context,
    active: &Active,
    limits: &Limits,
    now: DateTime<Utc>,
) -> Result<Published> {
    let is_needed = !active.agents.waiting.is_empty() || live_agents(active).next().is_some();
    let runtime = match RuntimeDir::open(&context.environment)? {
        Some(runtime) => runtime,
        None if is_needed => RuntimeDir::create(&context.environment)?,
        None => return Ok(Published::Nothing),
    };
    AgentSlots::of(&runtime, context.store.dir()).publish(active, limits, now)
}

/// Whether an agent of this id has not finished.
pub(crate) fn is_live(active: &Active, id: &ClientTaskId) -> bool {
    live_agents(active).any(|agent| agent.client_id() == Some(id))
}

/// What may be reported.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum News {
    All,
    /// Everything, but only if it is worth another turn: a slot is reserved for a call.
    IfTurn,
}

/// Adds to the reply what a session must learn of its agents. Takes the lock only if there is something to do. If the
/// text would be cut off, it waits for the next event.
pub(crate) fn with_news(
    context: &Context,
    session: &SessionId,
    wanted: News,
    reply: Reply,
) -> Reply {
    if reply.room_for_note() < NEWS_MAX {
        return reply;
    }
    let has_news = |active: &Active| has_news(active, session);
    let news = update_if(context, context.now, has_news, |active, limits, now| {
        requeue(active, session);
        advance(active, limits, now.at);
        if wanted == News::IfTurn && !has_turn(active, session) {
            return Vec::new();
        }
        take_news(active, session, now.at)
    });
    reply.with_note(agent_news(&news, context.store.dir()))
}

/// Brings the state of all agents up to date.
pub(crate) fn settle(context: &Context, now: Now) {
    update_if(context, now, |_| false, |_, _, _| ());
}

/// The session is over: its queued calls will not be launched again.
pub(crate) fn leave(context: &Context, session: &SessionId) {
    let is_in_line = |active: &Active| is_in_line(active, session);
    update_if(context, context.now, is_in_line, |active, _, _| leave_line(active, session));
    // The commit removed the prompts of these calls. A process that was killed may have left others.
    forget_prompts(context.store.dir(), session);
}

/// Changes the state of the agents, unless it is up to date and nothing in it `matters`.
fn update_if<T: Default>(
    context: &Context,
    now: Now,
    matters: impl FnOnce(&Active) -> bool,
    change: impl FnOnce(&mut Active, &Limits, Now) -> T,
) -> T {
    let updated = context.store.read_active().and_then(|active| {
        if is_settled(context, &active, now.at) && !matters(&active) {
            return Ok(T::default());
        }
        update(context, now, LOCK_WAIT_IN_HOOK, change)
    });
    context.logged("agents", updated).unwrap_or_default()
}

/// Whether a slot is reserved for a call of the session, which has not been notified.
pub(crate) fn has_turn(active: &Active, session: &SessionId) -> bool {
    active.agents.waiting.iter().any(|waiting| {
        &waiting.session == session
            && matches!(waiting.turn, Turn::Reserved { told: Notified::No, .. })
    })
}

/// Whether a call of the session is queued.
pub(crate) fn is_in_line(active: &Active, session: &SessionId) -> bool {
    active.agents.waiting.iter().any(|waiting| &waiting.session == session)
}

fn is_settled(context: &Context, active: &Active, now: DateTime<Utc>) -> bool {
    if !active.agents.waiting.is_empty() || has_lapsed(active, now) || has_orphans(active, is_gone)
    {
        return false;
    }
    // In most sessions there are no agents, and nothing is read.
    if live_agents(active).next().is_none() {
        return active.agents.published == Published::Nothing;
    }
    let Ok(Some(runtime)) = RuntimeDir::open(&context.environment) else { return false };
    let slots = AgentSlots::of(&runtime, context.store.dir());
    slots.are_published(active, &Limits::of(context.settings()), now)
}

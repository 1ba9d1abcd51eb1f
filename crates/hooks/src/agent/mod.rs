//! What Claude Code's events mean for its agents.

mod after;
mod before;
mod end;
mod hold;
mod message;

use std::cell::OnceCell;
use std::time::Duration;

use anyhow::Result;
use chrono::{DateTime, Utc};
use sisyphus_base::clock::Now;
use sisyphus_base::id::{ClientTaskId, SessionId};
use sisyphus_hook::{Context, Reply};
use sisyphus_process::is_gone;
use sisyphus_state::agents::{
    Limits, Published, advance, end_orphans, forget_news, has_lapsed, has_news, has_orphans,
    live_agents, queued_agents, running_agents, take_news,
};
use sisyphus_state::line::{AgentSlots, RuntimeDir};
use sisyphus_state::store::{Active, LOCK_WAIT_IN_HOOK};
use sisyphus_wording::{NEWS_MAX, agent_news};

pub(crate) use after::{after_agent, waits};
pub(crate) use before::before_agent;
pub(crate) use end::{agent_end, agents_stopped, stopped};
pub(crate) use hold::{Known, hold};

/// How long a hook of a launch waits for the lock. Agents that are launched together must all be counted, and one too
/// many costs far more than a second.
pub(crate) const LOCK_WAIT_FOR_AGENT: Duration = Duration::from_secs(1);

fn publish(
    context: &Context,
    active: &Active,
    limits: &Limits,
    now: DateTime<Utc>,
) -> Result<Published> {
    let is_needed = running_agents(active).next().is_some();
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

/// Adds to the reply what a session must learn of its agents. Takes the lock only if there is something to do. If the
/// text would be cut off, it waits for the next event.
pub(crate) fn with_news(context: &Context, session: &SessionId, reply: Reply) -> Reply {
    if reply.room_for_note() < NEWS_MAX {
        return reply;
    }
    let has_news = |active: &Active| has_news(active, session);
    let news = update_if(&Update::of(context), has_news, |active| take_news(active, session));
    reply.with_note(agent_news(&news))
}

/// Brings the state of all agents up to date.
pub(crate) fn settle(context: &Context, now: Now) {
    context.logged("agents", settle_with(&Update { now, ..Update::of(context) }));
}

fn settle_with(update: &Update<'_>) -> Result<()> {
    try_update(update, |_| false, |_| ())
}

/// The session is over: there is nothing to report to it.
pub(crate) fn leave(context: &Context, session: &SessionId) {
    let has_news = |active: &Active| has_news(active, session);
    update_if(&Update::of(context), has_news, |active| forget_news(active, session));
}

/// What a change to the state of the agents goes by.
struct Update<'a> {
    context: &'a Context,
    /// Without agents they are not needed, and no settings are read for them.
    limits: OnceCell<Limits>,
    now: Now,
    /// How long it waits for the lock.
    wait: Duration,
}

impl<'a> Update<'a> {
    fn of(context: &'a Context) -> Self {
        Self { context, limits: OnceCell::new(), now: context.now, wait: LOCK_WAIT_IN_HOOK }
    }

    fn limits(&self) -> &Limits {
        self.limits.get_or_init(|| Limits::of(self.context.settings()))
    }
}

/// Like [`try_update`]. An error costs what it would have changed.
fn update_if<T: Default>(
    update: &Update<'_>,
    matters: impl FnOnce(&Active) -> bool,
    change: impl FnOnce(&mut Active) -> T,
) -> T {
    let updated = try_update(update, matters, change);
    update.context.logged("agents", updated).unwrap_or_default()
}

/// Changes the state of the agents, unless it is up to date and nothing in it `matters`. Then makes it consistent: dead
/// agents hold no slots, and queued ones get those that are free.
fn try_update<T: Default>(
    update: &Update<'_>,
    matters: impl FnOnce(&Active) -> bool,
    change: impl FnOnce(&mut Active) -> T,
) -> Result<T> {
    let Update { context, now, wait, .. } = update;
    let active = context.store.read_active()?;
    if is_settled(update, &active) && !matters(&active) {
        return Ok(T::default());
    }
    let limits = update.limits();
    context.store.update(&context.world(), *wait, |active, _| {
        end_orphans(active, is_gone, *now);
        let value = change(active);
        advance(active, limits, *now);
        // The runners read this. A failure to publish it must not undo what happened.
        let published = publish(context, active, limits, now.at);
        if let Some(published) = context.logged("agents", published) {
            active.agents.published = published;
        }
        value
    })
}

fn is_settled(update: &Update<'_>, active: &Active) -> bool {
    let (context, now) = (update.context, update.now.at);
    if queued_agents(active).next().is_some()
        || has_lapsed(active, now)
        || has_orphans(active, is_gone)
    {
        return false;
    }
    // In most sessions there are no agents, and nothing is read.
    if running_agents(active).next().is_none() {
        return active.agents.published == Published::Nothing;
    }
    let Ok(Some(runtime)) = RuntimeDir::open(&context.environment) else { return false };
    AgentSlots::of(&runtime, context.store.dir()).are_published(active, update.limits(), now)
}

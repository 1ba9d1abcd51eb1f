//! How much of a limit agents and reserved slots occupy.

use chrono::{DateTime, Utc};
use sisyphus_base::id::Ticket;
use sisyphus_settings::SlotLimit;
use sisyphus_tasks::task::{Kind, Task};

use crate::active::{Active, is_waiting};
use crate::agent_queue::{Limits, Pool, Throttle};

/// The agents that run or are about to.
pub fn live_agents(active: &Active) -> impl Iterator<Item = &Task> {
    active.live().filter(|task| task.kind == Kind::Agent)
}

/// The models of everything that occupies a slot: agents, and calls with a reserved slot.
fn models(active: &Active) -> impl Iterator<Item = Option<&str>> {
    let live = live_agents(active).map(model_of);
    let kept = active.agents.waiting.iter().filter(|it| it.turn.is_reserved());
    live.chain(kept.map(|it| it.call.model()))
}

fn model_of(task: &Task) -> Option<&str> {
    task.launched.as_ref().and_then(|call| call.model())
}

/// The agents that count toward this pool.
pub fn agents_of<'a>(
    active: &'a Active,
    pool: &Pool,
    limits: &Limits,
) -> impl Iterator<Item = &'a Task> {
    live_agents(active).filter(move |task| &limits.pool_of(model_of(task)).0 == pool)
}

/// How many agents and reserved slots count toward this pool.
pub fn agents_in(active: &Active, pool: &Pool, limits: &Limits) -> usize {
    models(active).filter(|model| &limits.pool_of(*model).0 == pool).count()
}

/// Whether one more agent of this model may run. Commands that were queued earlier start first. Later ones don't wait
/// for it, because they start by themselves.
pub(super) fn has_room(
    active: &Active,
    model: Option<&str>,
    ticket: Ticket,
    limits: &Limits,
    now: DateTime<Utc>,
) -> bool {
    let (pool, limit) = limits.pool_of(model);
    let commands = match pool {
        Pool::Model(_) | Pool::Provider(_) => 0,
        Pool::Default => {
            let before = |task: &&Task| task.ticket < ticket && is_waiting(task);
            active.holders().count() + active.tasks.iter().filter(before).count()
        }
    };
    let fits = match limit {
        SlotLimit::Unlimited => true,
        SlotLimit::AtMost(slots) => commands + agents_in(active, &pool, limits) < slots.get(),
    };
    fits && throttle_on(active, model, now).is_none()
}

/// The halved limit that keeps another agent of this model from running.
pub fn throttle_on<'a>(
    active: &'a Active,
    model: Option<&str>,
    now: DateTime<Utc>,
) -> Option<&'a Throttle> {
    active.agents.throttles.iter().find(|throttle| {
        throttle.until > now
            && throttle.scope.holds(model)
            && models(active).filter(|other| throttle.scope.holds(*other)).count()
                >= throttle.at_most.get()
    })
}

/// How many agents the limit of this agent's pool allows; the current number if there is no limit.
pub(super) fn allowed(active: &Active, agent: &Task, limits: &Limits) -> (Pool, usize) {
    match limits.pool_of(model_of(agent)) {
        (pool, SlotLimit::AtMost(slots)) => (pool, slots.get()),
        (pool, SlotLimit::Unlimited) => {
            let count = agents_in(active, &pool, limits);
            (pool, count)
        }
    }
}

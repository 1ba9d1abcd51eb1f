//! Which agents hold a slot, which wait for one, and how much of a limit they occupy.

use chrono::{DateTime, Utc};
use sisyphus_base::id::Ticket;
use sisyphus_settings::SlotLimit;
use sisyphus_tasks::agent_call::Activity;
use sisyphus_tasks::status::Status;
use sisyphus_tasks::task::{Kind, Task};

use crate::active::{Active, is_waiting};
use crate::agent_limits::{Limits, Pool, Throttle};

/// The agents that Claude Code has launched and that are not over, and the calls that it has not answered.
pub fn live_agents(active: &Active) -> impl Iterator<Item = &Task> {
    active.live().filter(|task| task.kind == Kind::Agent)
}

/// The agents that hold a slot: they run, and do not rest.
pub fn running_agents(active: &Active) -> impl Iterator<Item = &Task> {
    let rests = |task: &Task| activity_of(task) == Some(Activity::Rests);
    live_agents(active)
        .filter(move |task| matches!(task.status(), Status::Running { .. }) && !rests(task))
}

pub(super) fn activity_of(task: &Task) -> Option<Activity> {
    task.launched.as_ref().map(|call| call.activity)
}

/// The agents that wait for a slot, in order.
pub fn queued_agents(active: &Active) -> impl Iterator<Item = &Task> {
    live_agents(active).filter(|task| matches!(task.status(), Status::Queued { .. }))
}

pub(super) fn model_of(task: &Task) -> Option<&str> {
    task.launched.as_ref().and_then(|call| call.model())
}

/// The running agents that count toward this pool.
pub fn agents_of<'a>(
    active: &'a Active,
    pool: &Pool,
    limits: &Limits,
) -> impl Iterator<Item = &'a Task> {
    running_agents(active).filter(move |task| &limits.pool_of(model_of(task)).0 == pool)
}

/// How many running agents count toward this pool.
pub fn agents_in(active: &Active, pool: &Pool, limits: &Limits) -> usize {
    agents_of(active, pool, limits).count()
}

/// Whether one more agent of this model may run. Commands that were queued earlier start first. Later ones don't wait
/// for it: their runners read only how many slots agents hold.
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
        let running = running_agents(active).filter(|it| throttle.scope.holds(model_of(it)));
        throttle.until > now
            && throttle.scope.holds(model)
            && running.count() >= throttle.at_most.get()
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

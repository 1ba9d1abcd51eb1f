//! Texts about queued agents, and about limits that are lowered for a while.

use chrono::{DateTime, Utc};
use sisyphus_base::text::one_line;
use sisyphus_settings::SlotLimit;
use sisyphus_state::agents::{
    KEPT_FOR, Limits, News, Pool, Throttle, Waiting, agents_in, agents_of, throttle_on,
};
use sisyphus_state::store::Active;
use sisyphus_tasks::task::Task;

use super::live::first_and_count;
use super::measure::counted;

/// How many limits a text names.
const NAMED: usize = 5;
/// Most characters of a description and of a prompt that a text repeats.
const DESCRIPTION_MAX: usize = 120;
const PROMPT_MAX: usize = 200;
/// Most characters of a key from the user's settings.
const KEY_MAX: usize = 60;

/// Says why a call for an agent was denied, what runs, and what happens next.
pub fn agent_refused(
    active: &Active,
    model: Option<&str>,
    number: usize,
    limits: &Limits,
    now: DateTime<Utc>,
) -> String {
    let (pool, limit) = limits.pool_of(model);
    let mut running: Vec<&Task> = agents_of(active, &pool, limits).collect();
    if pool == Pool::Default {
        running.extend(active.holders());
    }
    let named = first_and_count(&running);
    let kept = match active.agents.waiting.iter().filter(|it| it.turn.is_reserved()).count() {
        0 => String::new(),
        1 => "; 1 slot is reserved for an earlier call".to_owned(),
        count => format!("; {count} slots are reserved for earlier calls"),
    };
    let limit = match (throttle_on(active, model, now), limit) {
        (Some(throttle), _) => throttled(throttle),
        (None, SlotLimit::AtMost(slots)) => at_most(&pool, slots.get()),
        (None, SlotLimit::Unlimited) => String::new(),
    };
    let now =
        if named.is_empty() { String::new() } else { format!(" ({}{kept})", named.join(", ")) };
    format!(
        "[sisyphus] Not launched: {limit}{now}. It is number {number} in the queue. You'll be notified when a slot is free; then repeat this call unchanged. Until then do other work or end your turn.",
    )
}

fn at_most(pool: &Pool, slots: usize) -> String {
    let running = match pool {
        Pool::Default => counted(slots, "background task runs", "background tasks run"),
        Pool::Model(key) | Pool::Provider(key) => agents_run(slots, key),
    };
    format!("at most {running} at once, over all sessions")
}

fn agents_run(count: usize, of: &str) -> String {
    let of = one_line(of, KEY_MAX);
    counted(count, &format!("agent of {of} runs"), &format!("agents of {of} run"))
}

fn throttled(throttle: &Throttle) -> String {
    let until = throttle.until.format("%H:%M:%S UTC");
    let running = agents_run(throttle.at_most.get(), throttle.scope.name());
    format!("after a rate limit of the API at most {running} at once until {until}")
}

/// Most characters of [`agent_news`].
pub const NEWS_MAX: usize = 2_500;

/// Says what a session must learn of its agents; `None` if that is nothing.
pub fn agent_news(news: &[News]) -> Option<String> {
    let line = |news: &News| match news {
        News::RateLimited(throttle) => throttle_line(throttle),
        News::Turn(waiting) => Some(turn_line(waiting)),
        News::Passed(waiting) => Some(passed_line(waiting)),
    };
    let lines: Vec<String> = news.iter().filter_map(line).collect();
    (!lines.is_empty()).then(|| lines.join("\n"))
}

/// Says that a call is next in the queue.
fn turn_line(waiting: &Waiting) -> String {
    let model = waiting.call.asked_model.as_ref().map(|model| format!(", model {model}"));
    format!(
        "[sisyphus] A slot is free for agent {:?} (subagent_type {}{}). If it is still wanted, launch it now with the same description and prompt; the slot is reserved for {} minutes.\nIts prompt begins: {}",
        described(waiting),
        agent_type(waiting),
        model.unwrap_or_default(),
        KEPT_FOR.num_minutes(),
        one_line(&waiting.call.prompt, PROMPT_MAX),
    )
}

/// Says that a call's reserved slot has expired.
fn passed_line(waiting: &Waiting) -> String {
    format!(
        "[sisyphus] The slot reserved for agent {:?} (subagent_type {}) expired after {} minutes. If it is still wanted, launch it again; it then queues behind the others.",
        described(waiting),
        agent_type(waiting),
        KEPT_FOR.num_minutes(),
    )
}

/// Says that an agent hit a rate limit, and how that affects others.
fn throttle_line(throttle: &Throttle) -> Option<String> {
    let hit = throttle.unreported.as_ref()?;
    Some(format!(
        "[sisyphus] Background agent {} failed at a rate limit of the API, not because of its task: {}, half of before. Others are queued.",
        hit.agent,
        throttled(throttle),
    ))
}

fn described(waiting: &Waiting) -> String {
    one_line(&waiting.description, DESCRIPTION_MAX)
}

fn agent_type(waiting: &Waiting) -> &str {
    match waiting.call.agent_type.as_str() {
        "" => "not named",
        name => name,
    }
}

/// Names the limits besides the default one, and how much of each is used; empty if there are none.
pub(super) fn named_limits(active: &Active, limits: &Limits) -> String {
    let said = limits.named().take(NAMED).map(|(pool, limit)| {
        let running = agents_in(active, &pool, limits);
        match limit {
            SlotLimit::AtMost(slots) => {
                format!(" {}, now {running}.", at_most(&pool, slots.get()).replacen('a', "A", 1))
            }
            SlotLimit::Unlimited => String::new(),
        }
    });
    said.collect()
}

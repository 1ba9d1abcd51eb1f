//! Texts about queued agents, and about limits that are lowered for a while.

use chrono::{DateTime, Utc};
use sisyphus_base::text::one_line;
use sisyphus_settings::SlotLimit;
use sisyphus_state::agents::{
    Limits, News, Pool, Throttle, admission_of, agents_in, agents_of, throttle_on,
};
use sisyphus_state::store::Active;
use sisyphus_tasks::admission::Admission;
use sisyphus_tasks::agent_call::AgentCall;
use sisyphus_tasks::task::Task;

use super::live::first_and_count;
use super::measure::counted;

/// How many limits, or calls, a text names.
const NAMED: usize = 5;
/// Most characters of a description that a text repeats: as many as the record keeps.
const DESCRIPTION_MAX: usize = 200;
/// Most characters of a key from the user's settings.
const KEY_MAX: usize = 60;

/// Says that an agent which was just launched waits for a slot, and what runs; `None` if it does not wait.
pub fn agent_waits(
    active: &Active,
    agent: &Task,
    limits: &Limits,
    now: DateTime<Utc>,
) -> Option<String> {
    let Admission::Queued { position: number } = admission_of(active, agent, limits) else {
        return None;
    };
    let model = agent.launched.as_ref().and_then(AgentCall::model);
    let (pool, limit) = limits.pool_of(model);
    let mut running: Vec<&Task> = agents_of(active, &pool, limits).collect();
    if pool == Pool::Default {
        running.extend(active.holders());
    }
    let limit = match (throttle_on(active, model, now), limit) {
        (Some(throttle), _) => throttled(throttle),
        (None, SlotLimit::AtMost(slots)) => at_most(&pool, slots.get()),
        (None, SlotLimit::Unlimited) => "its slot is about to be free".to_owned(),
    };
    let named = match first_and_count(&running) {
        named if named.is_empty() => String::new(),
        named => format!(" ({})", named.join(", ")),
    };
    Some(format!(
        "[sisyphus] Agent {} is launched and waits, number {number} in the queue: {limit}{named}. It starts by itself, and Claude Code notifies you of its end as usual: don't launch it again.",
        agent.heading(),
    ))
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

/// Says why a session that has not started waits for fewer slots than the user allows.
pub fn held_back(throttle: &Throttle) -> String {
    let until = throttle.until.format("%H:%M:%S UTC");
    let of = one_line(throttle.scope.name(), KEY_MAX);
    let (one, more) = (format!("session of {of} runs"), format!("sessions of {of} run"));
    let running = counted(throttle.at_most.get(), &one, &more);
    format!("after a rate limit of the API at most {running} at once until {until}")
}

/// Most characters of [`agent_news`].
pub const NEWS_MAX: usize = 3_000;

/// Says what a session must learn of its agents; `None` if that is nothing.
pub fn agent_news(news: &[News]) -> Option<String> {
    let throttled = |news: &News| match news {
        News::RateLimited(throttle) => throttle_line(throttle),
        News::Denied(_) => None,
    };
    let denied = |news: &News| match news {
        News::RateLimited(_) => None,
        News::Denied(call) => Some(format!("{:?}", one_line(&call.description, DESCRIPTION_MAX))),
    };
    let mut lines: Vec<String> = news.iter().filter_map(throttled).collect();
    lines.extend(denied_line(&news.iter().filter_map(denied).collect::<Vec<_>>()));
    (!lines.is_empty()).then(|| lines.join("\n"))
}

/// Says that calls which an earlier version denied need not wait any longer; `None` if there are none.
fn denied_line(names: &[String]) -> Option<String> {
    let more = match names.len().checked_sub(NAMED) {
        None | Some(0) => String::new(),
        Some(more) => format!(" and {more} more"),
    };
    let named = names.iter().take(NAMED).map(String::as_str).collect::<Vec<_>>().join(", ");
    (!names.is_empty()).then(|| {
        format!(
            "[sisyphus] Agents that were not launched for want of a slot: {named}{more}. Launch those that are still wanted now; from now on they wait by themselves."
        )
    })
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

#[cfg(test)]
mod tests {
    use sisyphus_base::id::SessionId;
    use sisyphus_state::agents::FormerCall;

    use super::*;
    use crate::measure::length;

    fn denied(number: usize) -> News {
        News::Denied(FormerCall {
            session: SessionId::new("session-1").unwrap(),
            description: format!("{number}{}", "d".repeat(300)),
            call: AgentCall::new("Explore", None, "look"),
            machine: None,
        })
    }

    /// The text is never longer than what a reply keeps free for it.
    #[test]
    fn denied_calls_share_one_line() {
        assert_eq!(agent_news(&[]), None);
        let text = agent_news(&(0..200).map(denied).collect::<Vec<_>>()).unwrap();
        assert!(
            text.contains("d… and 195 more. Launch") || text.contains(" and 195 more. Launch"),
            "{text}"
        );
        assert!(length(&text) <= NEWS_MAX, "{}", length(&text));
        let text = agent_news(&[denied(1)]).unwrap();
        assert!(!text.contains(" more"), "{text}");
    }
}

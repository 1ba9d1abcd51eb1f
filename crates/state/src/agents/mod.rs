//! Background agents of Claude Code: what happens to them, how many may run, and which wait for a slot.
//!
//! Claude Code launches every agent at once and then runs our SubagentStart hook, which it waits for before the agent's
//! first request. That hook holds an agent above the limit until it has a slot.

mod admission;
mod life;
mod occupancy;
mod telling;

pub use crate::agent_limits::{
    AgentBook, FormerCall, Limits, Model, Pool, Published, Throttle, is_rate_limit,
};
pub use admission::{admission, admission_of, advance, has_lapsed, has_unanswered};
pub(crate) use life::end_observed;
pub use life::{
    AgentEnd, Launch, called, came_to_nothing, end_orphans, ended, has_orphans, has_own_work,
    is_listed_for, is_unanswered_in, launched, let_go, rests, revive, set_activity,
};
pub use occupancy::{
    agents_in, agents_of, live_agents, queued_agents, running_agents, throttle_on,
};
pub use telling::{News, forget_news, has_news, take_news};

//! Background agents of Claude Code: what happens to them, how many may run, and which calls are queued.
//!
//! An agent can't wait in its own call, as a command can. The hook denies and queues a call above the limit, and
//! notifies the model when a slot is free.

mod admission;
mod life;
mod occupancy;
mod prompt;
mod telling;

pub use crate::agent_queue::{
    AgentQueue, KEPT_FOR, Limits, Model, Notified, Pool, Published, Throttle, Turn, Waiting,
    is_rate_limit,
};
pub use admission::{admit, advance, has_lapsed, leave_line, requeue};
pub use life::{
    AgentEnd, Launch, came_to_nothing, end_orphans, ended, has_orphans, has_own_work,
    is_listed_for, is_unanswered_in, launched, revive,
};
pub use occupancy::{agents_in, agents_of, live_agents, throttle_on};
pub(crate) use prompt::remove_prompts;
pub use prompt::{KeptPrompt, forget_prompts, is_prompt, keep_prompt, kept_prompts};
pub use telling::{News, has_news, take_news};

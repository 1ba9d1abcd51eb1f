//! Background agents of Claude Code: what is known about them, how many may run, and which calls are queued.
//!
//! An agent can't wait in its own call, as a command can. The hook denies and queues a call above the limit, and
//! notifies the model when a slot is free.

mod life;
mod limit;
mod model;
mod occupancy;
mod queue;
mod rate_limit;
mod reservation;
mod telling;

pub use life::{
    AgentEnd, Launch, came_to_nothing, end_orphans, ended, has_orphans, has_own_work,
    is_listed_for, is_unanswered_in, launched, revive,
};
pub use limit::{Limits, Pool};
pub use model::Model;
pub use occupancy::{agents_in, agents_of, live_agents, throttle_on};
pub use queue::{AgentQueue, Published, Waiting, admit, advance, has_lapsed, leave_line, requeue};
pub use rate_limit::{Throttle, is_rate_limit};
pub use reservation::{KEPT_FOR, Notified, Turn};
pub use telling::{News, has_news, take_news};

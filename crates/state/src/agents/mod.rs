//! Background agents of the client: what is known of them, how many may run, and who waits for a turn.
//!
//! An agent can't be made to wait in its own call, as a command can: a call above the limit is denied, stands in line,
//! and the model is told when its turn has come.

mod life;
mod limit;
mod line;
mod model;
mod occupancy;
mod rate_limit;
mod reservation;
mod telling;

pub use life::{
    AgentEnd, Launch, bury_orphans, came_to_nothing, ended, has_orphans, has_own_work,
    is_listed_for, is_unanswered_in, launched, revive,
};
pub use limit::{Limits, Pool};
pub use line::{
    Admission, AgentLine, Published, Waiting, admit, come_back, has_lapsed, leave_line, tend,
};
pub use model::Model;
pub use occupancy::{agents_in, agents_of, brake_on, live_agents};
pub use rate_limit::{Brake, is_rate_limit};
pub use reservation::{KEPT_FOR, Told, Turn};
pub use telling::{News, has_news, take_news};

//! The texts that the model reads: facts about tasks, with all results in one reminder. This crate words all output of
//! the hooks for the model, and their few lines for people. The server words the answers of its own tools.

mod adopted;
mod agents;
mod awaited;
mod duplicate;
#[cfg(any(test, feature = "samples"))]
pub mod examples;
mod live;
mod matches;
mod measure;
mod output_file;
mod quote;
mod reminder;
mod report;
#[cfg(test)]
mod samples;
mod screen;
mod session;
mod summary;
mod ultrawork;

pub use adopted::{adopted_line, kept_table};
pub use agents::{NEWS_MAX, agent_news, agent_waits, held_back};
pub use awaited::sleep_refused;
pub use duplicate::{duplicate_line, duplicate_refused};
pub use live::{
    Surroundings, elsewhere, group_holders, group_refused, launch_line, stall_line, table,
};
pub use matches::{MATCHES_AT_ONCE, MATCHES_LEAST, MATCHES_MOST, matches_said};
pub use measure::counted;
pub use output_file::place;
pub use reminder::{REMINDER_MAX, TOLD_AT_ONCE, reminder};
pub use report::{command_line, excerpt_of, report};
pub use screen::{agent_queued_on_screen, ends_on_screen, queued_on_screen};
pub use session::{denied, worktree_line};
pub use summary::{Background, Rest};
pub use ultrawork::{ultrawork, ultrawork_limit};

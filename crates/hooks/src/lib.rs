//! The handlers of Claude Code's events: one file per event, one public `handle` in each.

mod adopt;
mod agent;
mod ask;
mod attach;
mod call;
mod deliver;
mod fates;
mod hook_conflicts;
mod listens;
mod missed;
mod mode;
mod notice;
mod queue;
mod sleep_guard;
mod stall;
mod stop_sessions;

pub mod bare_sleep;
pub mod post_tool_use;
pub mod pre_tool_use;
pub mod session_end;
pub mod session_start;
pub mod stop;
pub mod subagent_start;
pub mod subagent_stop;
pub mod ultrawork;
pub mod user_prompt_submit;
pub mod wake;

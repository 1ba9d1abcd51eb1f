//! The states of a task, and its transitions. Pure: nothing here reads a file, a clock or a process.
//!
//! Read in this order: [`task`], [`status`] and [`delivery`] (the states), [`call`] and [`run`] (what Claude Code and
//! the runner know about a task), [`classify_exit`] (how an exit becomes an outcome), [`session`] and
//! [`classify_session`] (delegated sessions), [`from_terminal`] (commands of a person).

mod about_kill;
pub mod admission;
pub mod agent_call;
pub mod call;
pub mod classify_exit;
pub mod classify_session;
pub mod code_zero;
mod confinement;
pub mod delivery;
pub mod from_terminal;
pub mod kept_output;
mod kind;
pub mod matches;
pub mod memory_limit;
pub mod oom_kill;
pub mod outcome;
pub mod recipient;
pub mod run;
pub mod session;
pub mod source;
pub mod status;
pub mod status_filter;
pub mod survival;
pub mod task;
mod times;
pub mod usage;

/// Whether a record leaves this field out.
pub fn is_default<T: Default + PartialEq>(field: &T) -> bool {
    *field == T::default()
}

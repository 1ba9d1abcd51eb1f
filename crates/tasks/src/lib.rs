//! What may be true of a task, and what may happen to it. Pure: nothing here reads a file, a clock or a process.
//!
//! Read in this order: [`task`], [`status`] and [`delivery`] (what may be true), [`call`] and [`run`] (what is known of it
//! from both sides), [`classify_exit`] (how an exit becomes an outcome).

pub mod admission;
pub mod agent_call;
pub mod call;
pub mod classify_exit;
pub mod delivery;
pub mod kept_output;
pub mod outcome;
pub mod recipient;
pub mod run;
pub mod source;
pub mod status;
pub mod task;

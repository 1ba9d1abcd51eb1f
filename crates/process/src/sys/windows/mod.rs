//! Windows. A person's commands and delegated sessions run in job objects. Claude Code's own commands are observed.

mod child;
mod command_line;
mod folders;
mod handle;
mod job;
mod lacking;
mod locks;
mod processes;
mod signals;

pub use super::no_memory_group::{MemoryGroup, OomCounters};
pub(crate) use child::{apart, orphan};
pub use child::{exec, exit_as, exit_of, spawn_bound, spawn_detached, spawn_on, try_wait};
pub use folders::Folders;
pub(crate) use job::group_exists;
pub use lacking::{
    caller, caller_key, can_end_with_parent, end_with_parent, is_message, own_key, own_output_file,
    parent, prepare_streams, spawn, split_apart, survive_file_size_limit,
};
pub use locks::{hold, holder};
pub(crate) use processes::{arguments, identity, processes, program, stat, working_folders};
pub use signals::{Signals, signal_group, signal_self};
pub(crate) use signals::{resume, ring, signal, wake, wake_runner};

/// Whether the system ends a command whose runner was killed.
pub const KILLED_WITH_RUNNER: bool = true;

/// What Claude Code's program is called: that of its installer, and what npm makes.
pub const CLIENT_NAMES: [&str; 2] = ["claude.exe", "claude.cmd"];

//! Linux: `/proc`, control groups, inotify.

mod caller;
mod cgroup;
mod folders;
mod locks;
mod memory_group;
mod oom;
mod parent;
mod proc;

pub(crate) use caller::arguments;
pub(super) use caller::own_output_path;
pub use caller::{caller, caller_key, own_key};
pub use folders::Folders;
pub use locks::holder;
pub(crate) use locks::program;
pub use memory_group::MemoryGroup;
pub(super) use memory_group::enter;
pub use oom::OomCounters;
pub(super) use parent::die_with_parent;
pub use parent::{KILLED_WITH_RUNNER, end_with_parent};
pub(crate) use proc::{processes, stat, working_folders};

use std::os::fd::OwnedFd;

/// Whether a signal comes from a key at the terminal. Here the kernel names no sender of such a signal.
pub(super) fn is_key(_: i32) -> bool {
    false
}

/// A pipe that no program inherits.
pub(super) fn pipe() -> nix::Result<(OwnedFd, OwnedFd)> {
    nix::unistd::pipe2(nix::fcntl::OFlag::O_CLOEXEC)
}

//! macOS: `libproc`, `sysctl`, kqueue. None of this has run yet: it follows the headers and the source of the kernel, xnu.

mod caller;
mod folders;
mod open_files;
mod parent;
mod table;
mod terminal;

pub(crate) use caller::arguments;
pub(super) use caller::own_output_path;
pub use caller::{caller, caller_key, own_key};
pub use folders::Folders;
pub use open_files::holder;
pub(super) use parent::die_with_parent;
pub use parent::{KILLED_WITH_RUNNER, end_with_parent};
pub(crate) use table::{processes, program, stat, working_folders};
pub(super) use terminal::is_key;

pub use super::super::no_memory_group::{MemoryGroup, OomCounters};

use std::os::fd::OwnedFd;
use std::process::Command;

use nix::fcntl::{FcntlArg, FdFlag, fcntl};

/// A pipe that no program inherits. Its ends are marked one by one, because there is no `pipe2`. No program is started in
/// between.
pub(super) fn pipe() -> nix::Result<(OwnedFd, OwnedFd)> {
    let (read_end, write_end) = nix::unistd::pipe()?;
    fcntl(&read_end, FcntlArg::F_SETFD(FdFlag::FD_CLOEXEC))?;
    fcntl(&write_end, FcntlArg::F_SETFD(FdFlag::FD_CLOEXEC))?;
    Ok((read_end, write_end))
}

/// There is no group to enter.
pub(super) fn enter(_: &mut Command, _: Option<&mut MemoryGroup>) {}

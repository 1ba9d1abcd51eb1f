//! Unix: what a session of Claude Code starts, and what the kernel says about it.

pub mod files;
pub mod processes;
mod prompts;
pub mod shell;
pub mod signals;
mod small_disk;
pub mod tmux;

pub use processes::{Process, gone_client};
pub use prompts::{failure_notice, told};
pub use shell::{Client, FIRST_SESSION, Shell};
pub use small_disk::SmallDisk;
pub use tmux::Tmux;

/// The name of Claude Code's temporary folder for this user.
pub(crate) fn client_tmp_name() -> String {
    format!("claude-{}", nix::unistd::geteuid())
}

//! Test support: scratch folders, waiting with a deadline, the built binaries and the environment around them.

#![expect(
    clippy::expect_used,
    clippy::disallowed_methods,
    reason = "a test that can't set itself up should fail loudly"
)]

pub mod env;
pub mod processes;
mod prompts;
pub mod shell;
mod temp_dir;
pub mod tmux;
mod wait;

pub use env::{Output, TestEnv};
pub use processes::{Process, gone_client};
pub use prompts::{failure_notice, told};
pub use shell::{Client, FIRST_SESSION, Shell};
pub use temp_dir::TempDir;
pub use tmux::Tmux;
pub use wait::{wait_for, wait_until};

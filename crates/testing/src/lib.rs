//! Test support: scratch folders, waiting with a deadline, the built binaries and the environment around them.

#![expect(
    clippy::expect_used,
    clippy::disallowed_methods,
    reason = "a test that can't set itself up should fail loudly"
)]

pub mod env;
mod program;
mod sys;
mod temp_dir;
mod wait;

pub use env::{Output, TestEnv};
pub use program::{copy_program, write_program};
pub use sys::*;
pub use temp_dir::TempDir;
pub use wait::{wait_for, wait_until};

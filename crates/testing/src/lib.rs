//! Test support: scratch folders, waiting with a deadline, the built binaries and the environment around them.

pub mod env;
mod temp_dir;
mod wait;

pub use env::{Output, TestEnv};
pub use temp_dir::TempDir;
pub use wait::{wait_for, wait_until};

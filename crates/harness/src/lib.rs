//! What the build tool, the benchmarks, the chaos tests and the end-to-end tests share: they build, install and pack
//! the plugin, find programs, end processes, and play Claude Code where the real one is not needed.

#![expect(
    clippy::disallowed_methods,
    reason = "a build tool is not a hook: it may write and read the environment"
)]

pub mod fake_client;
pub mod npm;
pub mod pack;
pub mod plugin;
pub mod program;
mod remove;
pub mod repository;
mod start;
pub mod sys;

pub use remove::remove;
pub use start::start;

/// The exit code of a check that can't be made on this machine, as in automake's tests. CI says so in its summary.
pub const SKIPPED: u8 = 77;

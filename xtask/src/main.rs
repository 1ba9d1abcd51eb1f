//! The build tool: `cargo xtask ci`, `cargo xtask tidy`, `cargo xtask dist`.

#![expect(clippy::print_stdout, reason = "a build tool talks to a person")]
#![expect(
    clippy::disallowed_methods,
    reason = "a build tool is not a hook: it may write, sleep and read the environment"
)]

mod ci;
mod cross;
mod dispatch;
mod dist;
mod docs;
mod fuzz;
mod kernel;
mod npm;
mod picture;
#[cfg_attr(windows, path = "pictures/nowhere.rs")]
mod pictures;
mod tidy;
mod tools;

use std::process::ExitCode;

fn main() -> ExitCode {
    sisyphus_harness::start(dispatch::run)
}

//! What `cargo xtask chaos` starts, and each of its clients.

use std::process::ExitCode;

fn main() -> ExitCode {
    sisyphus_harness::start(sisyphus_chaos::run)
}

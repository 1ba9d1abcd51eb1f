//! What `cargo xtask e2e` starts.

use std::process::ExitCode;

fn main() -> ExitCode {
    sisyphus_harness::start(sisyphus_e2e::run)
}

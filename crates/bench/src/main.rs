//! What `cargo xtask bench` starts.

use std::process::ExitCode;

fn main() -> ExitCode {
    sisyphus_harness::start(sisyphus_bench::run)
}

//! The targets under libFuzzer.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use sisyphus_harness::pack;

/// Counters for every branch, and the operands of comparisons. These are the flags of `cargo fuzz` without the
/// sanitizer, because nothing here is `unsafe`.
const FLAGS: &str = "--cfg fuzzing -Ccodegen-units=1 -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
     -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
     -Cllvm-args=-sanitizer-coverage-trace-compares";

/// Builds the targets with counters.
pub(super) fn build(root: &Path, folder: &Path) -> Result<PathBuf> {
    let (host, built) = (pack::Target::host()?.triple().to_owned(), folder.join("build"));
    let mut build = Command::new("rustup");
    build.args(["run", "nightly", "cargo", "build", "--release", "--quiet", "--target", &host]);
    build.arg("--manifest-path").arg(root.join("crates/fuzz/guided/Cargo.toml"));
    build.arg("--target-dir").arg(&built).env("RUSTFLAGS", FLAGS);
    // The variables of the cargo that runs us name its own compiler.
    for variable in ["CARGO", "RUSTC", "RUSTUP_TOOLCHAIN", "CARGO_ENCODED_RUSTFLAGS"] {
        build.env_remove(variable);
    }
    let status = build.status().context("could not start `rustup`; is it installed?")?;
    ensure!(status.success(), "could not build the targets: is the nightly toolchain installed?");
    Ok(built.join(host).join("release/sisyphus-fuzz-guided"))
}

/// Runs one target. What it learns about the code stays in the build folder for the next run.
pub(super) fn command(
    program: &Path,
    target: &str,
    seconds: u64,
    root: &Path,
    folder: &Path,
) -> Result<Command> {
    let found = folder.join("corpus").join(target);
    fs::create_dir_all(&found)
        .with_context(|| format!("could not create `{}`", found.display()))?;
    let mut command = Command::new(program);
    command.env("SISYPHUS_FUZZ_TARGET", target);
    command
        .arg(format!("-max_total_time={seconds}"))
        .arg("-print_final_stats=1")
        .arg("-max_len=16384");
    command.arg("-verbosity=0").arg("-timeout=10");
    command.arg(format!("-artifact_prefix={}/{target}-", folder.display())).arg(&found);
    let recorded = match target {
        "hook_input" => "crates/hooks/tests/payloads".to_owned(),
        "state_files" => "crates/cli/tests/states/v0.1.0".to_owned(),
        other => format!("crates/fuzz/seeds/{other}"),
    };
    command.arg(root.join(recorded));
    Ok(command)
}

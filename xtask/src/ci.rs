//! Everything that must hold before a change is accepted. Steps that find mistakes cheaply come first.

use std::process::{Command, ExitCode};
use std::time::Instant;

use anyhow::{Context as _, Result};
use sisyphus_harness::repository;

use crate::{tidy, tools};

/// Runs each step and stops at the first that fails.
pub(crate) fn run() -> Result<ExitCode> {
    let steps: [(&str, Step); 13] = [
        ("tools", Step::Tools),
        ("fmt", Step::Cargo(&["fmt", "--all", "--check"])),
        (
            "clippy",
            Step::Cargo(&["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"]),
        ),
        ("guided", Step::Guided),
        ("tidy", Step::Tidy),
        ("build", Step::Cargo(&["build", "--workspace"])),
        ("test", Step::Cargo(&["test", "--workspace", "--no-fail-fast"])),
        // Through cargo, because the build above may have replaced this very program.
        ("docs", Step::Task(&["docs", "--check"])),
        ("fuzz", Step::Task(&["fuzz", "--seconds", "2"])),
        ("chaos", Step::Task(&["chaos", "--seed", "1", "--endings", "200"])),
        ("bench", Step::Task(&["bench", "--quick"])),
        ("dist", Step::Task(&["dist"])),
        // A process of its own, also because it moves itself into a network namespace.
        ("e2e", Step::Task(&["e2e"])),
    ];
    for (name, step) in steps {
        let start = Instant::now();
        let passed = step.passes().with_context(|| format!("could not run step `{name}`"))?;
        let seconds = start.elapsed().as_secs_f64();
        if !passed {
            println!("FAIL {name} {seconds:.1} s");
            return Ok(ExitCode::FAILURE);
        }
        println!("ok   {name} {seconds:.1} s");
    }
    Ok(ExitCode::SUCCESS)
}

enum Step {
    Tools,
    Cargo(&'static [&'static str]),
    /// Another task of this build tool, in a process of its own.
    Task(&'static [&'static str]),
    Tidy,
    /// The targets for libFuzzer, which are no member of the workspace.
    Guided,
}

impl Step {
    fn passes(&self) -> Result<bool> {
        match self {
            Self::Cargo(arguments) => succeeds(Command::new(repository::cargo()).args(*arguments)),
            Self::Task(arguments) => {
                let run = ["run", "--quiet", "--package", "xtask", "--"];
                succeeds(Command::new(repository::cargo()).args(run).args(*arguments))
            }
            Self::Tools => Ok(tools::check() == ExitCode::SUCCESS),
            Self::Tidy => Ok(tidy::run()? == ExitCode::SUCCESS),
            Self::Guided => succeeds(&mut check_guided()?),
        }
    }
}

/// Reuses clippy's results for the workspace. Nothing is linked, so libFuzzer itself is not built: any path can be
/// given for its library.
fn check_guided() -> Result<Command> {
    let mut check = Command::new(repository::cargo());
    check.args(["check", "--locked", "--manifest-path", "crates/fuzz/guided/Cargo.toml"]);
    check.arg("--target-dir").arg(repository::target()?);
    check.env("CUSTOM_LIBFUZZER_PATH", "none/libfuzzer.a");
    Ok(check)
}

fn succeeds(command: &mut Command) -> Result<bool> {
    let status = command
        .current_dir(repository::root()?)
        .status()
        .with_context(|| format!("could not start {command:?}"))?;
    Ok(status.success())
}

//! The list of tasks.

use std::process::{Command, ExitCode};

use anyhow::{Context as _, Result, bail};
use sisyphus_harness::repository;

use crate::{ci, cross, dist, docs, fuzz, npm, pictures, tidy};

const USAGE: &str = "usage: cargo xtask ci
       cargo xtask tidy
       cargo xtask bench [--list|--quick|--counts|--page] [NAME…]
       cargo xtask chaos [--seed N] [--seconds N] [--endings N] [--kills none|hooks|runners|everything] [--only SCENE]
       cargo xtask client-news [VERSION] [--short|NAME…]
       cargo xtask cross [--steps STEP,…] [TARGET…]
       cargo xtask dist [--quick|--target TRIPLE]
       cargo xtask docs [--check]
       cargo xtask e2e [--list] [--jobs N] [--keep] [--short] [--client VERSION] [NAME…]
       cargo xtask e2e --try [COMMAND…]
       cargo xtask fuzz [--seconds N] [--seed N] [--guided] [TARGET…]
       cargo xtask npm
       cargo xtask pictures [--list] [NAME…]";

/// Runs the task that the first argument names.
pub(crate) fn run(arguments: &[String]) -> Result<ExitCode> {
    match arguments.split_first() {
        Some((verb, rest)) => match verb.as_str() {
            "ci" => ci::run(),
            "tidy" => tidy::run(),
            "bench" | "chaos" | "e2e" => run_crate(verb, rest),
            "client-news" => run_crate("e2e", &[&["--news".to_owned()], rest].concat()),
            "cross" => cross::run(rest),
            "dist" => dist::run(rest),
            "docs" => docs::run(rest),
            "fuzz" => fuzz::run(rest),
            "npm" => npm::run(),
            "pictures" => pictures::run(rest),
            _ => bail!("`{verb}` is not a task\n{USAGE}"),
        },
        None => bail!("no task given\n{USAGE}"),
    }
}

/// Builds and runs the program of a crate. Its exit code is the result.
fn run_crate(name: &str, arguments: &[String]) -> Result<ExitCode> {
    let mut run = Command::new(repository::cargo());
    run.arg("run")
        .arg("--quiet")
        .arg("--manifest-path")
        .arg(repository::root()?.join("Cargo.toml"));
    // Not by its package: with the features of that package alone, cargo would build what it needs once more.
    run.arg("--bin").arg(format!("sisyphus-{name}")).arg("--").args(arguments);
    let status = run.status().with_context(|| format!("could not start {run:?}"))?;
    let code = status.code().and_then(|code| u8::try_from(code).ok());
    Ok(code.map_or(ExitCode::FAILURE, ExitCode::from))
}

//! `cargo xtask bench`: what we cost, as ratios to named references measured in the same run.
//!
//! Candidates take turns, so that whatever else the machine does hits all of them alike. Nothing is asserted: a ratio
//! on a loaded machine says little, and a test that fails by the weather is worse than none.

mod hooks;
mod measure;
mod runner;
mod stage;

use std::fs;
use std::process::ExitCode;

use anyhow::{Context as _, Result};
use serde_json::json;

use crate::repository;
use stage::Stage;

/// Runs every benchmark, prints the tables and writes `target/bench.json`.
pub(crate) fn run() -> Result<ExitCode> {
    let stage = Stage::build()?;
    let hooks = hooks::run(&stage)?;
    let runner = runner::run(&stage)?;
    let path = repository::target()?.join("bench.json");
    let report = json!({ "version": 1, "hooks": hooks, "runner": runner });
    fs::write(&path, format!("{report:#}\n"))
        .with_context(|| format!("could not write `{}`", path.display()))?;
    Ok(ExitCode::SUCCESS)
}

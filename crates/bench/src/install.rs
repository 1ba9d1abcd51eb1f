//! How long a user waits for the first installation.

use std::fs;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use sisyphus_harness::{plugin, remove, repository};

use super::measure::Times;
use super::report::Table;
use super::stage::Stage;

/// Installs from a fresh clone of the last commit, and once more from what that built. The registry's packages are there.
pub(crate) fn run(stage: &Stage) -> Result<Vec<Table>> {
    let sources = stage.home().join("sources");
    let mut clone = Command::new("git");
    clone.args(["clone", "--quiet"]).arg(repository::root()?).arg(&sources);
    let status = clone.status().context("could not run git")?;
    ensure!(status.success(), "{clone:?} ended with {status}");
    let home = stage.home().join("new-user");
    let install = || -> Result<Duration> {
        fs::create_dir_all(&home)?;
        let start = Instant::now();
        plugin::install(&sources, &home)?;
        let elapsed = start.elapsed();
        remove(&home)?;
        Ok(elapsed)
    };
    let (first, second) = (install()?, install()?);
    let second = Times::of("install.sh, with everything built", vec![second]);
    let first = Times::of("install.sh, with nothing built", vec![first]);
    let rows = vec![second.row_beside(second.median_ms()), first.row_beside(second.median_ms())];
    Ok(vec![Table::new("One installation", rows).with_note("goal: 90 s with nothing built")])
}

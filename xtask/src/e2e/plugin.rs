//! The plugin's release binaries, built once and installed by every scenario.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, ensure};

use crate::repository;

/// The packages of the workspace that are no part of the plugin.
pub(crate) const NOT_IN_PLUGIN: [&str; 3] = ["xtask", "sisyphus-testing", "sisyphus-fuzz"];

/// Builds the plugin; returns the folder that holds its binaries.
pub(crate) fn build(root: &Path, target: &Path) -> Result<PathBuf> {
    let mut build = Command::new(repository::cargo());
    build.args(["build", "--quiet", "--release", "--workspace", "--target-dir"]).arg(target);
    for other in NOT_IN_PLUGIN {
        build.args(["--exclude", other]);
    }
    let status =
        build.current_dir(root).status().with_context(|| format!("could not start {build:?}"))?;
    ensure!(status.success(), "could not build the plugin");
    Ok(binaries(target))
}

/// The folder that [`build`] fills.
pub(crate) fn binaries(target: &Path) -> PathBuf {
    target.join("release")
}

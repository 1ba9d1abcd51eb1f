//! The plugin's release binaries, built once and installed by every scenario.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, ensure};

use crate::repository;

/// Builds the plugin; returns the folder that holds its binaries.
pub(crate) fn build(root: &Path, target: &Path) -> Result<PathBuf> {
    let mut build = Command::new(repository::cargo());
    build.args(["build", "--quiet", "--release", "--workspace", "--target-dir"]).arg(target);
    // Neither is part of the plugin.
    build.args(["--exclude", "xtask", "--exclude", "sisyphus-testing"]);
    let status =
        build.current_dir(root).status().with_context(|| format!("could not start {build:?}"))?;
    ensure!(status.success(), "could not build the plugin");
    Ok(binaries(target))
}

/// The folder that [`build`] fills.
pub(crate) fn binaries(target: &Path) -> PathBuf {
    target.join("release")
}

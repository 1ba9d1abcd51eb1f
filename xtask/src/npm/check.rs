//! Installs the packages from their files into empty folders, and uses the command as people do.

use std::collections::BTreeMap;
use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use anyhow::{Context as _, Result, ensure};
use sisyphus_harness::pack::Target;
use sisyphus_harness::remove;

use super::NAME;

/// Tries the packages of this machine, if they are among these.
pub(super) fn check(whole: &Path, parts: &BTreeMap<String, PathBuf>, folder: &Path) -> Result<()> {
    let (system, processor) = Target::host()?.npm()?;
    let Some(part) = parts.get(&format!("{NAME}-{system}-{processor}")) else {
        println!("warning: no package is for this machine, so none was tried");
        return Ok(());
    };
    let scratch = folder.join(".check");
    remove(&scratch)?;
    works(&scratch.join("whole"), whole, part)?;
    says_what_is_missing(&scratch.join("alone"), whole)?;
    remove(&scratch)
}

/// With no script run, the command is there, and it installs and removes the plugin.
fn works(place: &Path, whole: &Path, part: &Path) -> Result<()> {
    install(place, &["--ignore-scripts"], &[whole, part])?;
    let version = run(place, &["--version"])?;
    ensure!(version.status.success(), "`sisyphus --version` failed: {version:?}");
    let installed = run(place, &["install"])?;
    ensure!(installed.status.success(), "`sisyphus install` failed: {installed:?}");
    let command = place.join("home/.local/bin/sisyphus");
    ensure!(command.is_file(), "`{}` is missing", command.display());
    let unknown = run(place, &["show", "nothing"])?;
    ensure!(
        unknown.status.code() == Some(2),
        "the exit code is not that of the program: {unknown:?}"
    );
    let removed = run(place, &["install", "--uninstall", "--purge"])?;
    ensure!(removed.status.success(), "it could not be removed: {removed:?}");
    ensure!(!command.exists(), "`{}` was left", command.display());
    Ok(())
}

/// Without the package for this system, one line says how to get it.
fn says_what_is_missing(place: &Path, whole: &Path) -> Result<()> {
    install(place, &["--ignore-scripts", "--omit=optional"], &[whole])?;
    let output = run(place, &["--version"])?;
    let complaint = String::from_utf8_lossy(&output.stderr).into_owned();
    ensure!(output.status.code() == Some(1) && complaint.lines().count() == 1, "{output:?}");
    ensure!(complaint.contains("type: npm install -g --include=optional"), "{complaint}");
    Ok(())
}

/// As for all users of a machine, in a folder of our own.
fn install(place: &Path, options: &[&str], packages: &[&Path]) -> Result<()> {
    fs::create_dir_all(place.join("home"))?;
    let mut install = Command::new("npm");
    // No registry has these versions.
    install.args(["install", "--global", "--offline", "--no-audit", "--no-fund", "--prefix"]);
    install.arg(place).args(options).args(packages).env("npm_config_cache", place.join("cache"));
    let output = install.output().with_context(|| format!("could not start {install:?}"))?;
    let complaint = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{install:?} failed: {}", complaint.trim());
    Ok(())
}

/// Runs the installed command in a home of its own.
fn run(place: &Path, arguments: &[&str]) -> Result<Output> {
    let mut command = Command::new(place.join("bin/sisyphus"));
    command.args(arguments).env("HOME", place.join("home"));
    for name in ["CLAUDE_CONFIG_DIR", "SISYPHUS_STATE_DIR", "SISYPHUS_PREBUILT"] {
        command.env_remove(name);
    }
    command.env("PATH", env::var_os("PATH").unwrap_or_default());
    command.output().with_context(|| format!("could not start {command:?}"))
}

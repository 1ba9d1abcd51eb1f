//! Packages of npm: those of Claude Code, and of what it is compared with.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, ensure};

/// Downloads and unpacks a package of npm into `folder`, below `package/`.
pub fn unpack(package: &str, folder: &Path) -> Result<()> {
    quietly(Command::new("npm").args(["pack", "--silent", package]).current_dir(folder))?;
    let archives = fs::read_dir(folder)?.flatten().map(|entry| entry.path());
    let is_archive = |path: &PathBuf| path.extension().is_some_and(|extension| extension == "tgz");
    let archive = archives.into_iter().find(is_archive).context("`npm pack` left no archive")?;
    quietly(Command::new("tar").arg("xzf").arg(&archive).current_dir(folder))?;
    fs::remove_file(&archive).with_context(|| format!("could not remove `{}`", archive.display()))
}

/// Runs a command without showing its output, which may name the user's registries.
pub fn quietly(command: &mut Command) -> Result<()> {
    let status = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status();
    let status = status.with_context(|| format!("could not start {command:?}"))?;
    ensure!(status.success(), "{command:?} failed ({status})");
    Ok(())
}

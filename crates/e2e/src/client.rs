//! The real Claude Code, in the one version that the scenarios were written for.

use std::env::consts::{ARCH, OS};
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail, ensure};
use sisyphus_harness::{npm::unpack, program};

/// When you raise it, check what the scenarios assume about Claude Code.
pub(crate) const CLIENT_VERSION: &str = "2.1.332";

/// The executable of Claude Code, downloaded into the build folder the first time.
pub(crate) fn fetch(target: &Path) -> Result<PathBuf> {
    let folder = target.join("client").join(CLIENT_VERSION);
    let executable = folder.join("package/claude");
    if executable.is_file() {
        return Ok(executable);
    }
    let package = format!("@anthropic-ai/claude-code-{}@{CLIENT_VERSION}", platform()?);
    if program::find("npm").is_none() {
        bail!("cargo xtask e2e needs `npm` to download Claude Code ({package}), once");
    }
    println!("downloading {package}");
    // Unpacked in a folder beside its place and renamed, so that an interrupted download never looks complete.
    let unpacking = target.join("client").join(format!(".{CLIENT_VERSION}.{}", std::process::id()));
    fs::create_dir_all(&unpacking)
        .with_context(|| format!("could not create `{}`", unpacking.display()))?;
    let unpacked = unpack(&package, &unpacking).and_then(|()| put_in_place(&unpacking, &folder));
    if unpacked.is_err() {
        fs::remove_dir_all(&unpacking).ok();
    }
    unpacked?;
    ensure!(executable.is_file(), "`{package}` holds no `package/claude`");
    Ok(executable)
}

fn platform() -> Result<&'static str> {
    match (OS, ARCH) {
        ("linux", "x86_64") => Ok("linux-x64"),
        ("linux", "aarch64") => Ok("linux-arm64"),
        ("macos", "x86_64") => Ok("darwin-x64"),
        ("macos", "aarch64") => Ok("darwin-arm64"),
        _ => bail!("cargo xtask e2e runs on Linux and macOS, on x86_64 and aarch64"),
    }
}

fn put_in_place(unpacked: &Path, folder: &Path) -> Result<()> {
    match fs::rename(unpacked, folder) {
        Ok(()) => Ok(()),
        // Another run was faster, and its copy is as good.
        Err(_) if folder.join("package/claude").is_file() => {
            fs::remove_dir_all(unpacked).map_err(Into::into)
        }
        Err(error) => {
            Err(error).with_context(|| format!("could not create `{}`", folder.display()))
        }
    }
}

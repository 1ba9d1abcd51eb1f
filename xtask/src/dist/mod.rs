//! `cargo xtask dist`: an archive that installs without cargo and is also a marketplace for Claude Code.
//!
//! The same sources and the same compiler give the same bytes: names are sorted, times and owners are fixed, and the
//! binaries hold no path of the build machine.

mod archive;
mod check;
mod parts;

use std::env;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::{Context as _, Result, ensure};

use crate::e2e::plugin::NOT_IN_PLUGIN;
use crate::remove::remove;
use crate::repository;
use parts::Parts;

/// Builds, packs, checks the archive as a user would, and prints its path.
pub(crate) fn run() -> Result<ExitCode> {
    let (root, target) = (repository::root()?, repository::target()?);
    let folder = target.join("dist");
    let host = host()?;
    let binaries = build(&root, &folder.join("build"), &host)?;
    let archive = pack(&root, &binaries, &host, &folder)?;
    archive::write_sums(&folder, &[name_of(&archive)?])?;
    check::check(&root, &archive, &folder)?;
    println!("{}", archive.display());
    Ok(ExitCode::SUCCESS)
}

/// Packs the plugin with these binaries into `folder`. The archive holds one folder of the same name.
pub(crate) fn pack(root: &Path, binaries: &Path, host: &str, folder: &Path) -> Result<PathBuf> {
    let parts = Parts::read(root)?;
    let name = format!("sisyphus-{}-{host}", parts.version);
    let staging = folder.join(&name);
    remove(&staging)?;
    parts.copy(root, binaries, &staging)?;
    archive::write_sums(&staging, &parts.files(&staging)?)?;
    let archive = archive::write(folder, &name)?;
    remove(&staging)?;
    Ok(archive)
}

/// The files that an archive takes from the repository, as paths relative to it with `/` between their parts.
pub(crate) fn sources(root: &Path) -> Result<Vec<String>> {
    let sources = Parts::read(root)?.sources(root)?;
    Ok(sources.iter().map(|path| path.to_string_lossy().replace('\\', "/")).collect())
}

/// The target triple, which is that of this machine.
pub(crate) fn host() -> Result<String> {
    let rustc = env::var("RUSTC").unwrap_or_else(|_| "rustc".to_owned());
    let output = Command::new(&rustc)
        .arg("-vV")
        .output()
        .with_context(|| format!("could not start `{rustc}`"))?;
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let host = said.lines().find_map(|line| line.strip_prefix("host: "));
    Ok(host.with_context(|| format!("`{rustc} -vV` names no host"))?.to_owned())
}

/// Builds the binaries as `install.sh` does, but fully optimized.
fn build(root: &Path, folder: &Path, host: &str) -> Result<PathBuf> {
    let mut flags = vec![
        format!("--remap-path-prefix={}=sisyphus", root.display()),
        format!("--remap-path-prefix={}=cargo", cargo_home()?.display()),
    ];
    // Without a fallback: a dynamically linked binary would need this machine's version of the C library.
    if host.ends_with("-linux-gnu") {
        flags.push("-Ctarget-feature=+crt-static".to_owned());
    }
    let mut build = Command::new(repository::cargo());
    build
        .args(["build", "--locked", "--profile", "dist", "--workspace", "--target", host])
        .args(NOT_IN_PLUGIN.iter().flat_map(|package| ["--exclude", *package]))
        .arg("--target-dir")
        .arg(folder)
        .env("CARGO_ENCODED_RUSTFLAGS", flags.join("\u{1f}"))
        .env_remove("RUSTFLAGS")
        .current_dir(root);
    let status = build.status().with_context(|| format!("could not start {build:?}"))?;
    ensure!(status.success(), "could not build the plugin for `{host}`");
    Ok(folder.join(host).join("dist"))
}

fn cargo_home() -> Result<PathBuf> {
    if let Some(home) = env::var_os("CARGO_HOME") {
        return Ok(home.into());
    }
    let home = env::var_os("HOME").context("neither `CARGO_HOME` nor `HOME` is set")?;
    Ok(Path::new(&home).join(".cargo"))
}

fn name_of(path: &Path) -> Result<String> {
    let name = path.file_name().context("a path without a name")?;
    Ok(name.to_string_lossy().into_owned())
}

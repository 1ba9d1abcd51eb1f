//! `cargo xtask dist`: an archive that installs without cargo and is also a marketplace for Claude Code.
//!
//! The same sources and the same compiler give the same bytes: `pack` fixes names, times and owners, and the
//! binaries hold no path of the build machine.

mod check;

use std::env;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::{Context as _, Result, ensure};
use sisyphus_harness::pack::{archive, host, name_of, pack, packages};
use sisyphus_harness::repository;

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
        .args(["build", "--locked", "--profile", "dist", "--target", host])
        .args(packages(root)?.iter().flat_map(|package| ["--package", package]))
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

//! `cargo xtask dist`: an archive that installs without cargo and is also a marketplace for Claude Code.
//!
//! The same sources and the same compiler give the same bytes: `pack` fixes names, times and owners, and the
//! binaries hold no path of the build machine.

mod check;
mod parts_list;

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::{Context as _, Result, bail, ensure};
use sisyphus_harness::pack::{Target, archive, pack, packages, version};
use sisyphus_harness::repository;

/// The profile of what people get: each program is optimized whole, which takes ten minutes.
const FULL: &str = "dist";
/// That of `install.sh`. CI tries everything else about an archive with it, and has no ten minutes.
const QUICK: &str = "quick";

/// Builds, packs, checks the archive as a user would, and prints its path.
pub(crate) fn run(arguments: &[String]) -> Result<ExitCode> {
    let (target, profile) = match arguments {
        [] => (Target::host()?, FULL),
        [option] if option == "--quick" => (Target::host()?, QUICK),
        [option, triple] if option == "--target" => (Target::named(triple)?, FULL),
        _ => bail!("usage: cargo xtask dist [--quick|--target TRIPLE]"),
    };
    let (root, folder) = (repository::root()?, repository::target()?.join("dist"));
    let binaries = build(&root, &folder.join("build"), &target, profile)?;
    let archive = pack(&root, &binaries, &target, &folder)?;
    parts_list::write(&root, &target, &archive)?;
    archive::write_sums(&folder, &released(&folder, &version(&root)?)?)?;
    check::check(&root, &target, &archive, &folder)?;
    println!("{}", archive.display());
    Ok(ExitCode::SUCCESS)
}

fn build(root: &Path, folder: &Path, target: &Target, profile: &str) -> Result<PathBuf> {
    let mut flags = vec![
        format!("--remap-path-prefix={}=sisyphus", root.display()),
        format!("--remap-path-prefix={}=cargo", cargo_home()?.display()),
    ];
    flags.extend(target.flags().iter().map(|&flag| flag.to_owned()));
    // What a cross toolchain needs counts too: cargo would take it for replaced by ours.
    flags.extend(own_flags(target));
    let mut build = Command::new(repository::cargo());
    build
        .args(["build", "--locked", "--profile", profile, "--target", target.triple()])
        .args(packages(root)?.iter().flat_map(|package| ["--package", package]))
        .arg("--target-dir")
        .arg(folder)
        .env("CARGO_ENCODED_RUSTFLAGS", flags.join("\u{1f}"))
        .env_remove("RUSTFLAGS")
        .current_dir(root);
    let status = build.status().with_context(|| format!("could not start {build:?}"))?;
    ensure!(status.success(), "could not build the plugin for `{}`", target.triple());
    Ok(folder.join(target.triple()).join(profile))
}

/// The flags that the caller has set for this target.
fn own_flags(target: &Target) -> Vec<String> {
    let triple = target.triple().to_uppercase().replace('-', "_");
    let flags = env::var(format!("CARGO_TARGET_{triple}_RUSTFLAGS")).unwrap_or_default();
    flags.split_whitespace().map(str::to_owned).collect()
}

/// The files of this release, of all targets that were built.
fn released(folder: &Path, version: &str) -> Result<Vec<String>> {
    let listed =
        fs::read_dir(folder).with_context(|| format!("could not list `{}`", folder.display()))?;
    let names = listed.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned());
    let mut names: Vec<String> = names.filter(|name| is_released(name, version)).collect();
    names.sort();
    Ok(names)
}

fn is_released(name: &str, version: &str) -> bool {
    let ends = [".tar.gz", ".zip", ".cdx.json"];
    name.starts_with(&format!("sisyphus-{version}-")) && ends.iter().any(|end| name.ends_with(end))
}

fn cargo_home() -> Result<PathBuf> {
    if let Some(home) = env::var_os("CARGO_HOME") {
        return Ok(home.into());
    }
    let home = env::var_os("HOME").context("neither `CARGO_HOME` nor `HOME` is set")?;
    Ok(Path::new(&home).join(".cargo"))
}

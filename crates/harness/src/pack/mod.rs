//! The archive of a release: what it is made of, and how it is packed.
//!
//! The same sources and the same compiler give the same bytes: names are sorted, times and owners are fixed.

pub mod archive;
mod parts;

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result};

use crate::remove;
use parts::Parts;

/// Packs the plugin with these binaries into `folder`. The archive holds one folder of the same name.
pub fn pack(root: &Path, binaries: &Path, host: &str, folder: &Path) -> Result<PathBuf> {
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
pub fn sources(root: &Path) -> Result<Vec<String>> {
    let sources = Parts::read(root)?.sources(root)?;
    Ok(sources.iter().map(|path| path.to_string_lossy().replace('\\', "/")).collect())
}

/// The target triple, which is that of this machine.
pub fn host() -> Result<String> {
    let rustc = env::var("RUSTC").unwrap_or_else(|_| "rustc".to_owned());
    let output = Command::new(&rustc)
        .arg("-vV")
        .output()
        .with_context(|| format!("could not start `{rustc}`"))?;
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let host = said.lines().find_map(|line| line.strip_prefix("host: "));
    Ok(host.with_context(|| format!("`{rustc} -vV` names no host"))?.to_owned())
}

/// The packages that hold the plugin's programs.
pub fn packages(root: &Path) -> Result<Vec<String>> {
    Ok(Parts::read(root)?.packages)
}

/// The last part of a path.
pub fn name_of(path: &Path) -> Result<String> {
    let name = path.file_name().context("a path without a name")?;
    Ok(name.to_string_lossy().into_owned())
}

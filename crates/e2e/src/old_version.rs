//! Version 0.1.0 with its first layout of the state, built once from its commit by its own installer.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, id};

use anyhow::{Context as _, Result, ensure};
use sisyphus_harness::{npm::quietly, plugin, remove};

/// The last commit with that layout.
const COMMIT: &str = "89dd74b53b1dbd0463fa2fc4f612e9c7402339fb";

/// The scenario that needs it.
pub(super) const NEEDED_BY: &str = "upgrade";

/// What its installer takes.
pub(crate) struct OldVersion {
    /// The files of the commit.
    pub(crate) root: PathBuf,
    pub(crate) binaries: PathBuf,
}

impl OldVersion {
    /// Where [`build`] puts it.
    pub(crate) fn of(target: &Path) -> Self {
        let folder = target.join("old-version").join(COMMIT);
        Self { root: folder.join("source"), binaries: folder.join("binaries") }
    }
}

/// Builds it, if this is the first time.
pub(super) fn build(root: &Path, target: &Path) -> Result<()> {
    let version = OldVersion::of(target);
    if version.binaries.is_dir() {
        return Ok(());
    }
    extract(root, &version.root)?;
    println!("building 0.1.0 from its commit (some minutes, once)");
    let new = beside(&version.binaries);
    let built = plugin::build_into(&version.root, target, &new)
        .and_then(|()| put_in_place(&new, &version.binaries));
    remove(&new)?;
    built?;
    // The installer needs no more than the files.
    remove(&version.root.join("target"))
}

/// Unpacks the files of the commit into `folder`.
fn extract(root: &Path, folder: &Path) -> Result<()> {
    if folder.is_dir() {
        return Ok(());
    }
    let is_there = quietly(git(root).args(["cat-file", "-e", &format!("{COMMIT}^{{commit}}")]));
    ensure!(
        is_there.is_ok(),
        "`{NEEDED_BY}` needs commit {COMMIT} (0.1.0), which this checkout has not; `git fetch --unshallow` gets it"
    );
    let new = beside(folder);
    fs::create_dir_all(&new).with_context(|| format!("could not create `{}`", new.display()))?;
    let archive = new.join("source.tar");
    let unpacked = quietly(git(root).args(["archive", COMMIT, "--output"]).arg(&archive))
        .and_then(|()| quietly(Command::new("tar").arg("xf").arg(&archive).current_dir(&new)))
        .and_then(|()| remove(&archive))
        .and_then(|()| put_in_place(&new, folder));
    remove(&new)?;
    unpacked
}

fn git(root: &Path) -> Command {
    let mut git = Command::new("git");
    git.arg("-C").arg(root);
    git
}

/// Filled there and renamed, so that an interrupted build leaves nothing that looks finished.
fn beside(folder: &Path) -> PathBuf {
    folder.with_extension(format!("new-{}", id()))
}

fn put_in_place(new: &Path, folder: &Path) -> Result<()> {
    match fs::rename(new, folder) {
        // Another run was faster: its copy is as good.
        Err(error) if !folder.is_dir() => {
            Err(error).with_context(|| format!("could not create `{}`", folder.display()))
        }
        _ => Ok(()),
    }
}

//! Sums and archives, made by the programs of a Linux machine.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, ensure};

/// The file of the sums, in the format of `sha256sum`.
pub(super) const SUMS: &str = "SHA256SUMS";
/// The time of every file in an archive: that of the build would make each archive another one.
const TIME: &str = "--mtime=@946684800";

/// Writes the sums of `names` into the folder that they are in.
pub(super) fn write_sums(folder: &Path, names: &[String]) -> Result<()> {
    let mut sums = Command::new("sha256sum");
    sums.args(names).current_dir(folder);
    let output = sums.output().with_context(|| format!("could not start {sums:?}"))?;
    let complaint = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "could not sum up the files: {}", complaint.trim());
    let path = folder.join(SUMS);
    fs::write(&path, &output.stdout)
        .with_context(|| format!("could not write `{}`", path.display()))
}

/// Compares the files of a folder with the sums that [`write_sums`] wrote there.
pub(super) fn check_sums(folder: &Path) -> Result<()> {
    let mut check = Command::new("sha256sum");
    check.args(["--check", "--strict", "--quiet", SUMS]).current_dir(folder);
    succeed(&mut check).with_context(|| format!("the sums in `{}`", folder.display()))
}

/// Unpacks an archive into a new folder.
pub(super) fn unpack(archive: &Path, folder: &Path) -> Result<()> {
    fs::create_dir_all(folder)
        .with_context(|| format!("could not create `{}`", folder.display()))?;
    let mut unpack = Command::new("tar");
    unpack.args(["--extract", "--gzip", "--file"]).arg(archive);
    succeed(unpack.arg("--directory").arg(folder))
}

/// Packs `folder/name` into `folder/name.tar.gz`.
pub(super) fn write(folder: &Path, name: &str) -> Result<PathBuf> {
    let tar = folder.join(format!("{name}.tar"));
    let mut pack = Command::new("tar");
    pack.arg("--create").arg("--file").arg(&tar).arg("--directory").arg(folder);
    pack.args(["--format=ustar", "--sort=name", TIME, "--numeric-owner", "--owner=0", "--group=0"]);
    // Whatever the rights of the checkout are.
    pack.args(["--mode=u=rwX,go=rX", name]);
    succeed(&mut pack)?;
    // Without its name and the time.
    succeed(Command::new("gzip").args(["--force", "--best", "--no-name"]).arg(&tar))?;
    Ok(folder.join(format!("{name}.tar.gz")))
}

fn succeed(command: &mut Command) -> Result<()> {
    let status = command.status().with_context(|| format!("could not start {command:?}"))?;
    ensure!(status.success(), "{command:?} failed ({status})");
    Ok(())
}

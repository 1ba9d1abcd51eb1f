//! Checksums and archives, made by the programs of a Linux machine.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, ensure};

/// The file of the checksums, in the format of `sha256sum`.
pub const SUMS: &str = "SHA256SUMS";
/// The time of every file in an archive. With the time of the build no two archives would be the same.
const TIME: &str = "--mtime=@946684800";

/// Writes the checksums of `names` into their folder.
pub fn write_sums(folder: &Path, names: &[String]) -> Result<()> {
    let mut sums = Command::new("sha256sum");
    sums.args(names).current_dir(folder);
    let output = sums.output().with_context(|| format!("could not start {sums:?}"))?;
    let complaint = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "could not compute the checksums: {}", complaint.trim());
    let path = folder.join(SUMS);
    fs::write(&path, &output.stdout)
        .with_context(|| format!("could not write `{}`", path.display()))
}

/// Compares the files of a folder with the checksums that [`write_sums`] wrote.
pub fn check_sums(folder: &Path) -> Result<()> {
    let mut check = Command::new("sha256sum");
    check.args(["--check", "--strict", "--quiet", SUMS]).current_dir(folder);
    succeed(&mut check)
        .with_context(|| format!("the checksums in `{}` do not match", folder.display()))
}

/// Unpacks an archive into a new folder.
pub fn unpack(archive: &Path, folder: &Path) -> Result<()> {
    fs::create_dir_all(folder)
        .with_context(|| format!("could not create `{}`", folder.display()))?;
    let mut unpack = Command::new("tar");
    unpack.args(["--extract", "--gzip", "--file"]).arg(archive);
    succeed(unpack.arg("--directory").arg(folder))
}

/// Packs `folder/name` into `folder/name.tar.gz`.
pub fn write(folder: &Path, name: &str) -> Result<PathBuf> {
    let tar = folder.join(format!("{name}.tar"));
    let mut pack = Command::new("tar");
    pack.arg("--create").arg("--file").arg(&tar).arg("--directory").arg(folder);
    pack.args(["--format=ustar", "--sort=name", TIME, "--numeric-owner", "--owner=0", "--group=0"]);
    // Independent of the permissions in the checkout.
    pack.args(["--mode=u=rwX,go=rX", name]);
    succeed(&mut pack)?;
    // Without the name and the time.
    succeed(Command::new("gzip").args(["--force", "--best", "--no-name"]).arg(&tar))?;
    Ok(folder.join(format!("{name}.tar.gz")))
}

fn succeed(command: &mut Command) -> Result<()> {
    let status = command.status().with_context(|| format!("could not start {command:?}"))?;
    ensure!(status.success(), "{command:?} failed ({status})");
    Ok(())
}

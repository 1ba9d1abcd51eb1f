//! Checksums and archives, made by the programs of a Linux machine.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, ensure};

use super::Format;

/// The file of the checksums, in the format of `sha256sum`.
pub const SUMS: &str = "SHA256SUMS";
/// The time of every file in an archive. With the time of the build no two archives would be the same.
const TIME: u32 = 946_684_800;

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
pub fn unpack(archive: &Path, format: Format, folder: &Path) -> Result<()> {
    fs::create_dir_all(folder)
        .with_context(|| format!("could not create `{}`", folder.display()))?;
    match format {
        Format::TarGz => {
            let mut unpack = Command::new("tar");
            unpack.args(["--extract", "--gzip", "--file"]).arg(archive);
            succeed(unpack.arg("--directory").arg(folder))
        }
        Format::Zip => {
            let mut unpack = Command::new("unzip");
            succeed(unpack.args(["-q", "-o"]).arg(archive).arg("-d").arg(folder))
        }
    }
}

/// Packs `folder/name` into `folder/name.EXTENSION`.
pub fn write(folder: &Path, name: &str, format: Format) -> Result<PathBuf> {
    match format {
        Format::TarGz => write_tar(folder, name),
        Format::Zip => write_zip(folder, name),
    }
}

fn write_tar(folder: &Path, name: &str) -> Result<PathBuf> {
    let tar = folder.join(format!("{name}.tar"));
    let mut pack = Command::new("tar");
    pack.arg("--create").arg("--file").arg(&tar).arg("--directory").arg(folder);
    pack.args(["--format=ustar", "--sort=name", "--numeric-owner", "--owner=0", "--group=0"]);
    // Independent of the permissions in the checkout.
    pack.arg(format!("--mtime=@{TIME}")).args(["--mode=u=rwX,go=rX", name]);
    succeed(&mut pack)?;
    // Without the name and the time.
    succeed(Command::new("gzip").args(["--force", "--best", "--no-name"]).arg(&tar))?;
    Ok(folder.join(format!("{name}.tar.gz")))
}

/// `zip` takes times and modes from the files, and the order from its arguments.
fn write_zip(folder: &Path, name: &str) -> Result<PathBuf> {
    let zip = folder.join(format!("{name}.zip"));
    crate::remove(&zip)?;
    let files: Vec<String> = super::parts::files_below(folder, Path::new(name))?
        .iter()
        .map(|path| path.to_string_lossy().into_owned())
        .collect();
    let mut times = Command::new("touch");
    succeed(times.arg(format!("--date=@{TIME}")).args(&files).current_dir(folder))?;
    succeed(Command::new("chmod").arg("u=rwX,go=rX").args(&files).current_dir(folder))?;
    let mut pack = Command::new("zip");
    // Without owners and further times; what is left is a local time.
    pack.args(["-q", "-X", "-9"]).arg(&zip).args(&files).env("TZ", "UTC");
    succeed(pack.current_dir(folder))?;
    Ok(zip)
}

fn succeed(command: &mut Command) -> Result<()> {
    let status = command.status().with_context(|| format!("could not start {command:?}"))?;
    ensure!(status.success(), "{command:?} failed ({status})");
    Ok(())
}

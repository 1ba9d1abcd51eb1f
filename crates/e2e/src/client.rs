//! The real Claude Code: the version that the scenarios were written for, or the one that `--client` names.

use std::env::consts::{ARCH, OS};
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::{fmt, fs};

use anyhow::{Context as _, Result, bail, ensure};
use sisyphus_harness::{npm::unpack, program};

/// The option that names another version.
pub(crate) const CLIENT: &str = "--client";
/// When you raise it, check what the scenarios assume about Claude Code.
const CLIENT_VERSION: &str = "2.1.332";

/// A released version of Claude Code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Version([u32; 3]);

impl Version {
    /// The one that the scenarios were written for.
    pub(crate) fn pinned() -> Result<Self> {
        CLIENT_VERSION.parse()
    }

    /// The one that [`fetch`] has put there. Scenarios ask it where an older Claude Code does something else.
    pub(crate) fn of(executable: &Path) -> Result<Self> {
        let folder = executable.ancestors().nth(2).and_then(Path::file_name);
        folder.unwrap_or_default().to_string_lossy().parse()
    }
}

impl FromStr for Version {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Self> {
        // A number may have a plus sign in front, a version may not.
        let digits = |part: &str| part.bytes().all(|it| it.is_ascii_digit()).then(|| part.parse());
        let parts: Option<Vec<u32>> =
            text.split('.').map(|part| digits(part).and_then(Result::ok)).collect();
        let parts = parts.and_then(|parts| <[u32; 3]>::try_from(parts).ok());
        parts.map(Self).with_context(|| format!("`{text}` is no version such as {CLIENT_VERSION}"))
    }
}

impl fmt::Display for Version {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [major, minor, patch] = self.0;
        write!(formatter, "{major}.{minor}.{patch}")
    }
}

/// The executable of Claude Code, downloaded into the build folder the first time. npm checks the package against the
/// sum that its registry names.
pub(crate) fn fetch(target: &Path, version: Version) -> Result<PathBuf> {
    let folder = target.join("client").join(version.to_string());
    let executable = folder.join("package/claude");
    if executable.is_file() {
        return Ok(executable);
    }
    let package = format!("{}@{version}", package()?);
    if program::find("npm").is_none() {
        bail!("cargo xtask e2e needs `npm` to download Claude Code ({package}), once");
    }
    println!("downloading {package}");
    // Unpacked in a folder beside its place and renamed, so that an interrupted download never looks complete.
    let unpacking = target.join("client").join(format!(".{version}.{}", std::process::id()));
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

/// Its package for this system, which npm has in every version.
pub(crate) fn package() -> Result<String> {
    Ok(format!("@anthropic-ai/claude-code-{}", platform()?))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_ordered_by_number() {
        let [old, new]: [Version; 2] = ["2.1.99", "2.1.332"].map(|it| it.parse().unwrap());
        assert!(old < new);
        assert_eq!(new, Version::pinned().unwrap());
        assert_eq!(new.to_string(), "2.1.332");
        assert_eq!(Version::of(Path::new("/x/client/2.1.99/package/claude")).unwrap(), old);
        for text in ["", "2.1", "2.1.3.4", "2.1.x", "latest", "../2.1.3", "2.1.+3"] {
            assert!(text.parse::<Version>().is_err(), "{text}");
        }
    }
}

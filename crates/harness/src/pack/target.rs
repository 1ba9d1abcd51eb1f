//! The system that an archive is for, named by its triple.

use std::env;
use std::process::Command;

use anyhow::{Context as _, Result, bail};

/// The systems that releases are for. Not macOS: the installer's self-check refuses there.
pub const RELEASED: [&str; 3] =
    ["x86_64-unknown-linux-musl", "aarch64-unknown-linux-musl", "x86_64-pc-windows-gnu"];

/// A target triple that we have code for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target(String);

/// What an archive is, as people of its system expect it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    TarGz,
    Zip,
}

impl Format {
    pub fn extension(self) -> &'static str {
        match self {
            Self::TarGz => "tar.gz",
            Self::Zip => "zip",
        }
    }
}

impl Target {
    /// The system that a triple names.
    pub fn named(triple: &str) -> Result<Self> {
        if ["-linux-", "-apple-darwin", "-windows-"].iter().any(|system| triple.contains(system)) {
            return Ok(Self(triple.to_owned()));
        }
        bail!("`{triple}` is not a target for Linux, macOS or Windows")
    }

    /// This machine.
    pub fn host() -> Result<Self> {
        let rustc = env::var("RUSTC").unwrap_or_else(|_| "rustc".to_owned());
        let output = Command::new(&rustc)
            .arg("-vV")
            .output()
            .with_context(|| format!("could not start `{rustc}`"))?;
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        let host = said.lines().find_map(|line| line.strip_prefix("host: "));
        Self::named(host.with_context(|| format!("`{rustc} -vV` names no host"))?)
    }

    /// Whether this machine runs it: the same processor and the same kernel.
    pub fn runs_here(&self) -> Result<bool> {
        let kind = |triple: &str| triple.split('-').take(3).map(str::to_owned).collect::<Vec<_>>();
        Ok(kind(&self.0) == kind(&Self::host()?.0))
    }

    pub fn triple(&self) -> &str {
        &self.0
    }

    pub fn is_windows(&self) -> bool {
        self.0.contains("-windows-")
    }

    pub fn format(&self) -> Format {
        if self.is_windows() { Format::Zip } else { Format::TarGz }
    }

    /// The file of a program.
    pub fn program(&self, name: &str) -> String {
        if self.is_windows() { format!("{name}.exe") } else { name.to_owned() }
    }

    /// What rustc needs, so that a binary depends on no library of the build machine, and starts as fast as it can: see
    /// `install.sh`, which builds with the same.
    pub fn flags(&self) -> &'static [&'static str] {
        // Of musl and mingw-w64 the static link is the default, and macOS has no static C library. Without a fallback: a
        // dynamically linked binary would need this machine's version of the C library.
        match &self.0 {
            linux if linux.ends_with("-linux-gnu") => &[
                "-Ctarget-feature=+crt-static",
                "-Crelocation-model=static",
                "-Cforce-unwind-tables=no",
            ],
            linux if linux.ends_with("-linux-musl") => {
                &["-Crelocation-model=static", "-Cforce-unwind-tables=no"]
            }
            _ => &[],
        }
    }

    /// What npm calls the system and the processor.
    pub fn npm(&self) -> Result<(&'static str, &'static str)> {
        let system = match self.0.as_str() {
            it if it.contains("-linux-") => "linux",
            it if it.contains("-darwin") => "darwin",
            _ => "win32",
        };
        match self.0.split('-').next() {
            Some("x86_64") => Ok((system, "x64")),
            Some("aarch64") => Ok((system, "arm64")),
            _ => bail!("npm has no name for the processor of `{}`", self.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_installer_builds_with_the_same_flags() {
        let root = crate::repository::root().unwrap();
        let script = std::fs::read_to_string(root.join("install.sh")).unwrap();
        let of = |name: &str| {
            let (_, rest) = script.split_once(&format!("\t{name}=\"")).unwrap();
            rest.split_once('"').unwrap().0.replace("-C ", "-C")
        };
        let flags = Target::named("x86_64-unknown-linux-gnu").unwrap().flags().join(" ");
        assert_eq!(format!("{} {}", of("static"), of("fixed")), flags);
    }

    #[test]
    fn every_released_target_has_its_names() {
        let names = RELEASED.map(|triple| {
            let target = Target::named(triple).unwrap();
            let (system, processor) = target.npm().unwrap();
            format!("{system}-{processor} {} {}", target.program("a"), target.format().extension())
        });
        assert_eq!(names, ["linux-x64 a tar.gz", "linux-arm64 a tar.gz", "win32-x64 a.exe zip"]);
        assert!(Target::named("wasm32-wasip1").is_err());
    }
}

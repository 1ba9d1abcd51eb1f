//! When and on what machine something was measured: enough to judge the figures, nothing that identifies the machine.

use std::env::consts::{ARCH, OS};
use std::fs;
use std::process::Command;
use std::thread::available_parallelism;

use anyhow::Result;
use chrono::Utc;
use serde::{Deserialize, Serialize};
use sisyphus_harness::repository;

/// What kind of machine it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Machine {
    pub(crate) system: String,
    /// Only its number: the suffix of a builder may be a name.
    pub(crate) kernel: String,
    pub(crate) architecture: String,
    pub(crate) processor: String,
    pub(crate) cores: usize,
    pub(crate) memory_gib: u64,
    pub(crate) hardware: Hardware,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Hardware {
    Physical,
    Virtual,
    Unknown,
}

/// One run on it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Run {
    pub(crate) date: String,
    pub(crate) commit: String,
    /// The load average of the minute before.
    pub(crate) load: f64,
}

const UNKNOWN: &str = "unknown";
const KIB_PER_GIB: u64 = 1024 * 1024;

impl Machine {
    pub(crate) fn look() -> Self {
        let processors = read("/proc/cpuinfo");
        let release = read("/etc/os-release");
        let name = value_of(&release, "PRETTY_NAME", '=').map(|name| name.trim_matches('"'));
        let memory = read("/proc/meminfo");
        let kib = value_of(&memory, "MemTotal", ':').and_then(|value| value.split(' ').next());
        let kib: u64 = kib.and_then(|number| number.parse().ok()).unwrap_or_default();
        Self {
            system: name.unwrap_or(OS).to_owned(),
            kernel: number_of(&read("/proc/sys/kernel/osrelease")),
            architecture: ARCH.to_owned(),
            processor: value_of(&processors, "model name", ':').unwrap_or(UNKNOWN).to_owned(),
            cores: available_parallelism().map_or(0, Into::into),
            memory_gib: (kib + KIB_PER_GIB / 2) / KIB_PER_GIB,
            hardware: match value_of(&processors, "flags", ':') {
                Some(flags) if flags.split(' ').any(|flag| flag == "hypervisor") => {
                    Hardware::Virtual
                }
                Some(_) => Hardware::Physical,
                None => Hardware::Unknown,
            },
        }
    }

    #[cfg(test)]
    pub(crate) fn of_tests() -> Self {
        Self {
            system: "a system".to_owned(),
            kernel: "6.1".to_owned(),
            architecture: "x86_64".to_owned(),
            processor: "a processor".to_owned(),
            cores: 2,
            memory_gib: 4,
            hardware: Hardware::Virtual,
        }
    }
}

impl Run {
    /// A run that begins now.
    pub(crate) fn begin() -> Result<Self> {
        let load = read("/proc/loadavg");
        let load = load.split(' ').next().and_then(|number| number.parse().ok());
        Ok(Self {
            date: Utc::now().format("%Y-%m-%d").to_string(),
            commit: commit()?,
            load: load.unwrap_or_default(),
        })
    }
}

/// The sources of the binaries.
const SOURCES: [&str; 4] = ["--", "crates", "Cargo.toml", "Cargo.lock"];

/// The last commit that changed the measured sources, with a mark if the sources have changed since. A changed page
/// does not count. An unpacked archive knows no commit.
fn commit() -> Result<String> {
    let root = repository::root()?;
    let git = |words: &[&str]| {
        let mut command = Command::new("git");
        let output = command.args(words).args(SOURCES).current_dir(&root).output().ok()?;
        let text = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        output.status.success().then_some(text)
    };
    let hash = git(&["log", "-1", "--format=%h", "--abbrev=10"]);
    let Some(hash) = hash.filter(|hash| !hash.is_empty()) else { return Ok(UNKNOWN.to_owned()) };
    Ok(match git(&["status", "--porcelain", "--untracked-files=no"]) {
        Some(changes) if changes.is_empty() => hash,
        Some(_) | None => format!("{hash} with changes"),
    })
}

/// A missing file is empty: machines of another kind have other files.
fn read(path: &str) -> String {
    fs::read_to_string(path).unwrap_or_default()
}

/// The value after the first key of that name.
fn value_of<'a>(text: &'a str, key: &str, separator: char) -> Option<&'a str> {
    let pairs = text.lines().filter_map(|line| line.split_once(separator));
    pairs
        .map(|(name, value)| (name.trim(), value.trim()))
        .find(|(name, _)| *name == key)
        .map(|it| it.1)
}

/// The number at the start of a release's name.
fn number_of(release: &str) -> String {
    let number = release.split(|letter: char| !letter.is_ascii_digit() && letter != '.').next();
    number.filter(|number| !number.is_empty()).unwrap_or(UNKNOWN).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_kernel_nothing_but_its_number_is_kept() {
        assert_eq!(number_of("6.1.44-somebody-v5\n"), "6.1.44");
        assert_eq!(number_of(""), UNKNOWN);
    }

    #[test]
    fn a_value_is_found_behind_its_key() {
        let text = "flags\t\t: fpu hypervisor\nmodel name\t: A: b\n";
        assert_eq!(value_of(text, "model name", ':'), Some("A: b"));
        assert_eq!(value_of(text, "flags", ':'), Some("fpu hypervisor"));
        assert_eq!(value_of(text, "name", ':'), None);
    }
}

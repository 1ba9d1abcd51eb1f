//! The versions of the tools that we are compared with.

use std::process::{Command, Stdio};

use serde::{Deserialize, Serialize};
use sisyphus_harness::program;

use super::competitors;

/// The other plugin whose hooks are measured.
pub(crate) const PACKAGE: &str = "oh-my-claude-sisyphus";
pub(crate) const PACKAGE_VERSION: &str = "5.5.0";

/// A tool for comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tool {
    Bash,
    Node,
    Package,
    Pueue,
    Rust,
    TaskSpooler,
    Xargs,
}

/// Its version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Version {
    pub(crate) name: String,
    pub(crate) version: String,
}

/// The versions of the installed tools.
pub(crate) fn of(tools: &[Tool]) -> Vec<Version> {
    tools.iter().filter_map(|tool| tool.version()).collect()
}

impl Tool {
    fn version(self) -> Option<Version> {
        let asked = |name: &str, program: &str, option: &str| {
            let mut command = Command::new(program::find(program)?);
            version(name, command.arg(option))
        };
        match self {
            Self::Bash => asked("bash", "bash", "--version"),
            Self::Node => asked("node", "node", "--version"),
            Self::Rust => asked("rustc", "rustc", "--version"),
            Self::TaskSpooler => asked("task-spooler", "tsp", "-V"),
            Self::Xargs => asked("xargs", "xargs", "--version"),
            Self::Pueue => {
                let client = competitors::pueue_client().ok()??;
                version("pueue", Command::new(client).arg("--version"))
            }
            // Without node they were not measured.
            Self::Package => program::find("node")
                .map(|_| Version { name: PACKAGE.to_owned(), version: PACKAGE_VERSION.to_owned() }),
        }
    }
}

fn version(name: &str, command: &mut Command) -> Option<Version> {
    let output = command.stdin(Stdio::null()).output().ok()?;
    let version = number_in(&String::from_utf8_lossy(&output.stdout))?;
    Some(Version { name: name.to_owned(), version })
}

/// The first word that is a version, as in `GNU bash, version 5.2.15(1)-release` or `v20.20.2`.
fn number_in(text: &str) -> Option<String> {
    let words = text.split_ascii_whitespace().map(|word| word.trim_start_matches('v'));
    let numbers = words.map(|word| {
        word.split(|letter: char| !letter.is_ascii_digit() && letter != '.')
            .next()
            .unwrap_or_default()
    });
    let mut versions = numbers.filter(|number| number.contains('.') && !number.starts_with('.'));
    versions.next().map(|number| number.trim_end_matches('.').to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_number_is_found_in_what_programs_say() {
        let cases = [
            ("GNU bash, version 5.2.15(1)-release (x86_64-pc-linux-gnu)", "5.2.15"),
            ("v20.20.2\n", "20.20.2"),
            ("Task Spooler v1.0.1 - a task queue system.", "1.0.1"),
            ("xargs (GNU findutils) 4.9.0\nCopyright (C) 2022", "4.9.0"),
            ("rustc 1.89.0 (29483883e 2025-08-04)", "1.89.0"),
        ];
        for (said, version) in cases {
            assert_eq!(number_in(said).as_deref(), Some(version), "{said}");
        }
        assert_eq!(number_in("no version. at all"), None);
    }
}

//! The programs that the tests need beyond cargo. Missing ones are installed where that is allowed; else one line names
//! the command that does it. No test is skipped for want of a program.

use std::collections::BTreeSet;
use std::process::{Command, ExitCode, Stdio};

use anyhow::{Context as _, Result, ensure};
use sisyphus_harness::{program, sys};

/// Each program, its package in Debian and Ubuntu, and what needs it.
const TOOLS: [(&str, &str, &str); 15] = [
    ("npm", "npm", "downloads Claude Code for the end-to-end tests"),
    ("zsh", "zsh", "tests compare commands in bash and in zsh"),
    ("fish", "fish", "a test tries the completions in it"),
    ("dbus-daemon", "dbus-daemon", "tests show notifications on a bus of their own"),
    ("strace", "strace", "a test counts the files that a hook opens"),
    ("curl", "curl", "tests run the recipes for notifications"),
    ("jq", "jq", "tests run the recipes for notifications"),
    ("ps", "procps", "tests look at processes"),
    ("bwrap", "bubblewrap", "Claude Code's sandbox"),
    ("socat", "socat", "Claude Code's sandbox"),
    ("tmux", "tmux", "Claude Code's terminal interface"),
    ("unshare", "util-linux", "a network with loopback only"),
    ("ip", "iproute2", "a network with loopback only"),
    ("qemu-system-x86_64", "qemu-system-x86", "a machine whose control groups a test may change"),
    ("busybox", "busybox-static", "the system of that machine"),
];

/// Installs what is missing, or names it.
pub(crate) fn ensure_installed() -> Result<ExitCode> {
    let missing = missing(|tool| program::find(tool).is_some());
    if missing.is_empty() {
        return Ok(ExitCode::SUCCESS);
    }
    if !sys::is_root() || program::find("apt-get").is_none() {
        println!("{}", remedy(&missing));
        return Ok(ExitCode::FAILURE);
    }
    apt_get(["update", "-qq"])?;
    apt_get(["install", "-y", "-qq"].into_iter().chain(missing))?;
    Ok(ExitCode::SUCCESS)
}

/// The packages of the programs that are not there.
fn missing(is_there: impl Fn(&str) -> bool) -> BTreeSet<&'static str> {
    let tools = TOOLS.iter().filter(|(tool, ..)| !is_there(tool));
    tools.map(|(_, package, _)| *package).collect()
}

fn remedy(missing: &BTreeSet<&str>) -> String {
    let packages: Vec<&str> = missing.iter().copied().collect();
    format!("programs are missing; type: sudo apt-get install -y {}", packages.join(" "))
}

fn apt_get(arguments: impl IntoIterator<Item = &'static str>) -> Result<()> {
    let mut install = Command::new("apt-get");
    install.args(arguments).env("DEBIAN_FRONTEND", "noninteractive").stdout(Stdio::null());
    let status = install.status().with_context(|| format!("could not start {install:?}"))?;
    ensure!(status.success(), "{install:?} ended with {status}");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_names_all_that_is_missing() {
        assert!(missing(|_| true).is_empty());
        let here = |tool: &str| !["fish", "bwrap"].contains(&tool);
        assert_eq!(
            remedy(&missing(here)),
            "programs are missing; type: sudo apt-get install -y bubblewrap fish"
        );
    }

    /// CONTRIBUTING.md names the same packages.
    #[test]
    fn the_page_names_each_package() {
        let root = sisyphus_harness::repository::root().unwrap();
        let page = std::fs::read_to_string(root.join("CONTRIBUTING.md")).unwrap();
        let line = page.lines().find(|line| line.starts_with("apt-get install ")).unwrap();
        let named: BTreeSet<&str> = line.split(' ').skip(2).collect();
        assert_eq!(named, missing(|_| false));
    }
}

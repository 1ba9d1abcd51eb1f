//! The programs that the tests need beyond cargo. Missing ones are installed where that is allowed; else one line names
//! the command that does it. No test is skipped for want of a program.

use std::collections::BTreeSet;
use std::process::{Command, ExitCode, Stdio};

use anyhow::{Context as _, Result, bail, ensure};
use sisyphus_harness::{program, sys};

/// Each program, and its package in Debian and Ubuntu.
const TOOLS: [(&str, &str); 18] = [
    // Downloads Claude Code for the end-to-end tests.
    ("npm", "npm"),
    // Tests compare commands in bash and in zsh, and try the completions in all three shells.
    ("zsh", "zsh"),
    ("fish", "fish"),
    // Tests show notifications on a bus of their own, and run the recipes for them.
    ("dbus-daemon", "dbus-daemon"),
    ("curl", "curl"),
    ("jq", "jq"),
    // Tests count the files that a hook opens, and look at processes.
    ("strace", "strace"),
    // Counts the instructions of hooks.
    ("valgrind", "valgrind"),
    ("ps", "procps"),
    // Claude Code's sandbox, and its terminal.
    ("bwrap", "bubblewrap"),
    ("socat", "socat"),
    ("tmux", "tmux"),
    // A network with loopback only.
    ("unshare", "util-linux"),
    ("ip", "iproute2"),
    // Archives for Windows.
    ("zip", "zip"),
    ("unzip", "unzip"),
    // A machine whose control groups a test may change, and its system.
    ("qemu-system-x86_64", "qemu-system-x86"),
    ("busybox", "busybox-static"),
];

/// Installs what is missing, or names it.
pub(crate) fn ensure_installed() -> Result<ExitCode> {
    let missing = missing(&TOOLS, is_here);
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

/// Fails with the remedy if programs of a task that is no step of CI are missing.
#[cfg_attr(windows, expect(dead_code, reason = "pictures need a Unix system"))]
pub(crate) fn need(tools: &[(&str, &'static str)]) -> Result<()> {
    let missing = missing(tools, is_here);
    if missing.is_empty() {
        return Ok(());
    }
    bail!(remedy(&missing))
}

/// What to type for packages of Debian and Ubuntu.
pub(crate) fn line(packages: &str) -> String {
    format!("type: sudo apt-get install -y {packages}")
}

fn is_here(tool: &str) -> bool {
    program::find(tool).is_some()
}

/// The packages of the programs that are not there.
fn missing(
    tools: &[(&str, &'static str)],
    is_there: impl Fn(&str) -> bool,
) -> BTreeSet<&'static str> {
    let tools = tools.iter().filter(|(tool, _)| !is_there(tool));
    tools.map(|(_, package)| *package).collect()
}

fn remedy(missing: &BTreeSet<&str>) -> String {
    let packages: Vec<&str> = missing.iter().copied().collect();
    format!("programs are missing; {}", line(&packages.join(" ")))
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
        assert!(missing(&TOOLS, |_| true).is_empty());
        let here = |tool: &str| !["fish", "bwrap"].contains(&tool);
        assert_eq!(
            remedy(&missing(&TOOLS, here)),
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
        assert_eq!(named, missing(&TOOLS, |_| false));
    }
}

//! The programs that the tests need beyond cargo. A missing one is said at once, not after ten minutes, and never
//! skipped over.

use std::env;
use std::process::ExitCode;

/// Each program, and what needs it.
const TOOLS: [(&str, &str); 10] = [
    ("npm", "fetches the client that the end-to-end tests drive"),
    ("zsh", "commands are compared in bash and in zsh"),
    ("fish", "what it completes is tried in it"),
    ("dbus-daemon", "notifications are shown on a bus of their own"),
    ("strace", "what a hook opens is counted"),
    ("bwrap", "the client's sandbox (package bubblewrap)"),
    ("socat", "the client's sandbox"),
    ("tmux", "the client's terminal interface"),
    ("unshare", "a network that holds nothing but loopback (package util-linux)"),
    ("ip", "a network that holds nothing but loopback (package iproute2)"),
];

/// Names every program that is missing.
pub(crate) fn check() -> ExitCode {
    let path = env::var_os("PATH").unwrap_or_default();
    let is_there = |tool: &str| env::split_paths(&path).any(|folder| folder.join(tool).is_file());
    let missing: Vec<_> = TOOLS.iter().filter(|(tool, _)| !is_there(tool)).collect();
    for (tool, purpose) in &missing {
        println!("`{tool}` is missing: {purpose}; see CONTRIBUTING.md");
    }
    if missing.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

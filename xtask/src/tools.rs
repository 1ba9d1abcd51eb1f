//! The programs that the tests need beyond cargo. A missing one is reported at once, not after ten minutes, and no test
//! is skipped.

use std::env;
use std::process::ExitCode;

/// Each program, and what needs it.
const TOOLS: [(&str, &str); 14] = [
    ("npm", "downloads Claude Code for the end-to-end tests"),
    ("zsh", "tests compare commands in bash and in zsh"),
    ("fish", "a test tries the completions in it"),
    ("dbus-daemon", "tests show notifications on a bus of their own"),
    ("strace", "a test counts the files that a hook opens"),
    ("curl", "tests run the recipes for notifications"),
    ("jq", "tests run the recipes for notifications"),
    ("bwrap", "Claude Code's sandbox (package bubblewrap)"),
    ("socat", "Claude Code's sandbox"),
    ("tmux", "Claude Code's terminal interface"),
    ("unshare", "a network with loopback only (package util-linux)"),
    ("ip", "a network with loopback only (package iproute2)"),
    (
        "qemu-system-x86_64",
        "a machine whose control groups a test may change (package qemu-system-x86)",
    ),
    ("busybox", "the system of that machine (package busybox-static)"),
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

//! Claude Code's arguments: a flag may load plugins, settings or agents.

use std::ffi::OsString;

/// Flags of Claude Code that load no hooks. Every other flag may.
const HARMLESS: [&str; 20] = [
    "-p",
    "--print",
    "--verbose",
    "-c",
    "--continue",
    "-r",
    "--resume",
    "--fork-session",
    "--session-id",
    "-d",
    "--debug",
    "--output-format",
    "--model",
    "--fallback-model",
    "--permission-mode",
    "--dangerously-skip-permissions",
    "--allowedTools",
    "--disallowedTools",
    "--max-turns",
    "--append-system-prompt",
];

/// Whether Claude Code's arguments may load hooks.
pub(super) fn bring_hooks(args: &[OsString]) -> bool {
    args.iter().map(|arg| arg.to_string_lossy()).any(|arg| {
        let flag = arg.split('=').next().unwrap_or_default();
        flag.starts_with('-') && !HARMLESS.contains(&flag)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_known_flags_are_harmless() {
        let args = |line: &str| line.split(' ').map(OsString::from).collect::<Vec<_>>();
        assert!(!bring_hooks(&args("claude -p --output-format=json go")));
        assert!(!bring_hooks(&args("/usr/bin/claude --resume abc")));
        assert!(bring_hooks(&args("claude --plugin-dir /x")));
        assert!(bring_hooks(&args("claude --settings {}")));
        assert!(bring_hooks(&args("claude -p --input-format stream-json")));
    }
}

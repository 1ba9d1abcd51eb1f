//! A shell matches an announced command if and only if it executes that command.

use sisyphus_attach::execution_string::{as_written, executes};

/// The bytes are two commands with a zero between them.
pub(super) fn run(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let (announced, executed) = text.split_once('\0').unwrap_or((&text, ""));
    for foot in [
        "",
        " < /dev/null",
        " < /dev/null && pwd -P >| /tmp/claude-71e5-cwd",
        " && pwd -P >| /tmp/x",
    ] {
        let string = |command: &str| {
            format!("source /snap.sh 2>/dev/null || true && eval {}{foot}", as_written(command))
        };
        // In a whole string, only what Claude Code adds can follow the command.
        if foot != " < /dev/null" {
            assert!(executes(&string(announced), announced), "{announced:?} is not found");
            assert!(executes(&string(executed), executed), "{executed:?} is not found");
            if announced != executed {
                let fooled = executes(&string(executed), announced);
                assert!(!fooled, "{announced:?} is seen in {:?}", string(executed));
            }
        }
    }
    // Any string, without a panic.
    let _ = executes(&text, announced);
    let _ = executes(executed, announced);
}

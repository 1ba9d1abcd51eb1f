//! A shell is taken for the announced command's if and only if it executes that command.

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
        // Nothing can stand behind it but what the client puts there.
        if foot != " < /dev/null" {
            assert!(executes(&string(announced), announced), "{announced:?} is not found");
            assert!(executes(&string(executed), executed), "{executed:?} is not found");
            if announced != executed {
                let fooled = executes(&string(executed), announced);
                assert!(!fooled, "{announced:?} is seen in {:?}", string(executed));
            }
        }
    }
    // Whatever the string is.
    let _ = executes(&text, announced);
    let _ = executes(executed, announced);
}

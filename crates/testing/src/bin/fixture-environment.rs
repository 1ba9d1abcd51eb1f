//! Prints its environment, each variable followed by NUL, in the order in which it got them.

use std::io::Write as _;

#[expect(clippy::disallowed_methods, reason = "a test reads it there")]
fn main() -> std::io::Result<()> {
    // Read from the kernel: the list of the standard library omits variables that it can't parse.
    std::io::stdout().write_all(&std::fs::read("/proc/self/environ")?)
}

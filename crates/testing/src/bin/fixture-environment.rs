//! Prints its environment, each variable ended by NUL, in the order in which it got them.

use std::io::Write as _;

#[expect(clippy::disallowed_methods, reason = "a test reads it there")]
fn main() -> std::io::Result<()> {
    // As the kernel has it: the library's list leaves out what it can't parse.
    std::io::stdout().write_all(&std::fs::read("/proc/self/environ")?)
}

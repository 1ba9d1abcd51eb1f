//! Starts a child in a session of its own, prints the child's process number and waits for it:
//! `fixture-fork-child PROGRAM [ARGUMENT…]`.

use std::io::{Error, Write as _};
use std::process::Command;

use sisyphus_testing::signals::spawn_in_session;

#[expect(clippy::disallowed_methods, reason = "a test reads the number there")]
fn main() -> std::io::Result<()> {
    let mut args = std::env::args_os().skip(1);
    let mut command = Command::new(args.next().ok_or_else(|| Error::other("no program given"))?);
    command.args(args);
    let mut child = spawn_in_session(&mut command)?;
    let mut stdout = std::io::stdout();
    writeln!(stdout, "{}", child.id())?;
    stdout.flush()?;
    child.wait().map(drop)
}

//! Ignores TERM: prints its process number and waits to be killed.

use std::io::Write as _;

use nix::sys::signal::{SigSet, Signal};

#[expect(clippy::disallowed_methods, reason = "a test reads the number there")]
fn main() -> std::io::Result<()> {
    let mut term = SigSet::empty();
    term.add(Signal::SIGTERM);
    term.thread_block()?;
    let mut stdout = std::io::stdout();
    writeln!(stdout, "{}", std::process::id())?;
    stdout.flush()?;
    loop {
        term.wait()?;
    }
}

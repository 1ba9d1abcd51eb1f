//! Writes a line for every TERM that it gets, and keeps running: `fixture-count-term FILE`. The first line says that it
//! waits.

use std::fs::OpenOptions;
use std::io::Write as _;

use nix::sys::signal::{SigSet, Signal};

fn main() -> std::io::Result<()> {
    let path = std::env::args_os().nth(1).ok_or_else(|| std::io::Error::other("no file given"))?;
    let mut term = SigSet::empty();
    term.add(Signal::SIGTERM);
    term.thread_block()?;
    let mut file = OpenOptions::new().create(true).append(true).open(path)?;
    writeln!(file, "waits")?;
    loop {
        term.wait()?;
        writeln!(file, "TERM")?;
    }
}

//! Writes a line for every TERM that it gets, and keeps running: `fixture-count-term FILE`. The first line says that it
//! waits.

use std::fs::OpenOptions;
use std::io::Write as _;

use sisyphus_testing::signals::Terms;

fn main() -> std::io::Result<()> {
    let path = std::env::args_os().nth(1).ok_or_else(|| std::io::Error::other("no file given"))?;
    let terms = Terms::collect()?;
    let mut file = OpenOptions::new().create(true).append(true).open(path)?;
    writeln!(file, "waits")?;
    loop {
        terms.wait()?;
        writeln!(file, "TERM")?;
    }
}

//! Ignores TERM: prints its process number and waits to be killed.

use std::io::Write as _;

use sisyphus_testing::signals::Terms;

#[expect(clippy::disallowed_methods, reason = "a test reads the number there")]
fn main() -> std::io::Result<()> {
    let terms = Terms::collect()?;
    let mut stdout = std::io::stdout();
    writeln!(stdout, "{}", std::process::id())?;
    stdout.flush()?;
    loop {
        terms.wait()?;
    }
}

//! The one place that writes to the terminal.

use std::collections::BTreeSet;
use std::io::{self, IsTerminal as _, Write as _};
use std::process::ExitCode;
use std::sync::{Mutex, PoisonError};

use anyhow::Result;
use sisyphus_control::NoSuchTask;

/// Something is wrong on our side, or with the state.
const FAILURE: u8 = 1;
/// What was asked for does not exist.
const NOT_FOUND: u8 = 2;
/// The time was up: the code that `timeout` of the coreutils ends with.
const TIMED_OUT: u8 = 124;

/// Every exit code, and what it means.
pub(crate) const EXIT_CODES: &[(u8, &str)] = &[
    (0, "done"),
    (FAILURE, "failed; of wait, cancel, clean, doctor and notify: not all is well"),
    (NOT_FOUND, "no such task, or a wrong command line"),
    (TIMED_OUT, "the time of wait was up"),
];

/// How a command went that found what it was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    Good,
    /// Not all is as it was asked for. What is not has been said.
    Bad,
    TimedOut,
}

/// Whether anybody reads what is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reader {
    Reads,
    Gone,
}

/// Prints text to standard output. That nobody reads any more is no error: `sisyphus list | head`.
pub(crate) fn out(text: &str) -> Result<()> {
    bytes(text.as_bytes()).map(|_| ())
}

/// Prints bytes as they are to standard output, and tells whether anybody reads them.
pub(crate) fn bytes(bytes: &[u8]) -> Result<Reader> {
    let mut stdout = stdout().lock();
    match stdout.write_all(bytes).and_then(|()| stdout.flush()) {
        Ok(()) => Ok(Reader::Reads),
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(Reader::Gone),
        Err(error) => Err(error.into()),
    }
}

/// Whether standard output is a terminal, which obeys what is printed.
pub(crate) fn is_to_terminal() -> bool {
    stdout().is_terminal()
}

/// Whether standard error is a terminal: what is drawn there is for somebody who looks on.
pub(crate) fn is_error_to_terminal() -> bool {
    io::stderr().is_terminal()
}

/// Draws on standard error. That it fails costs nothing.
pub(crate) fn draw(text: &str) {
    let _ = io::stderr().write_all(text.as_bytes());
}

#[expect(
    clippy::disallowed_methods,
    reason = "this is the one place where the command line prints"
)]
fn stdout() -> io::Stdout {
    io::stdout()
}

/// Prints a value as JSON.
pub(crate) fn json<T: serde::Serialize>(value: &T) -> Result<()> {
    out(&format!("{}\n", serde_json::to_string_pretty(value)?))
}

/// Says on standard error what went wrong, and goes on. A command that looks at the state again and again says the same
/// once.
pub(crate) fn warn(error: &anyhow::Error) {
    static SAID: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());
    let text = format!("{error:#}");
    let mut said = SAID.lock().unwrap_or_else(PoisonError::into_inner);
    if said.insert(text.clone()) {
        let _ = writeln!(io::stderr(), "sisyphus: {text}");
    }
}

/// Reports a failure and maps the outcome to the exit code: 0 done, 1 failed, 2 no such task, 124 the time was up.
pub(crate) fn finish(outcome: Result<Verdict>) -> ExitCode {
    let error = match outcome {
        Ok(Verdict::Good) => return ExitCode::SUCCESS,
        Ok(Verdict::Bad) => return ExitCode::from(FAILURE),
        Ok(Verdict::TimedOut) => return ExitCode::from(TIMED_OUT),
        Err(error) => error,
    };
    let Some(missing) = error.downcast_ref::<NoSuchTask>() else {
        warn(&error);
        return ExitCode::from(FAILURE);
    };
    let hint = match missing {
        NoSuchTask::Unknown(_) => "; `sisyphus list` shows them",
        NoSuchTask::Nameless | NoSuchTask::UnknownSession(_) | NoSuchTask::Ambiguous(_) => "",
    };
    warn(&anyhow::anyhow!("{missing}{hint}"));
    ExitCode::from(NOT_FOUND)
}

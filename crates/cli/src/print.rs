//! The one place that writes to the terminal.

use std::collections::BTreeSet;
use std::io::{self, IsTerminal as _, Write as _};
use std::process::ExitCode;
use std::sync::{Mutex, PoisonError};

use anyhow::Result;
use serde_json::Value;
use sisyphus_base::standard_error;
use sisyphus_control::NoSuchTask;

/// An error of ours or of the state.
const FAILURE: u8 = 1;
/// A task or a command that does not exist.
const NOT_FOUND: u8 = 2;
/// A timeout. `timeout` of the coreutils exits with the same code.
const TIMED_OUT: u8 = 124;

/// A command that was not run, as the runner has it.
pub(crate) const NOT_RUN: u8 = 125;

/// Every exit code with its meaning.
pub(crate) const EXIT_CODES: &[(u8, &str)] = &[
    (0, "done"),
    (
        FAILURE,
        "failed; for wait, cancel, clean, doctor and notify also a problem that they have printed",
    ),
    (NOT_FOUND, "no such task, or a wrong command line"),
    (TIMED_OUT, "wait timed out, or the command of run did"),
    (NOT_RUN, "run did not run the command; otherwise run exits as the command does"),
];

/// How a command went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    Good,
    /// Not everything went as requested. The command has printed what did not.
    Bad,
    TimedOut,
    /// The exit code of a command that this one ran.
    Code(u8),
}

/// Whether standard output still has a reader.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reader {
    Reads,
    Gone,
}

/// Prints text to standard output. A closed pipe is no error: `sisyphus list | head`.
pub(crate) fn out(text: &str) -> Result<()> {
    bytes(text.as_bytes()).map(|_| ())
}

/// Prints bytes unchanged to standard output.
pub(crate) fn bytes(bytes: &[u8]) -> Result<Reader> {
    let mut stdout = stdout().lock();
    match stdout.write_all(bytes).and_then(|()| stdout.flush()) {
        Ok(()) => Ok(Reader::Reads),
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(Reader::Gone),
        Err(error) => Err(error.into()),
    }
}

/// Whether standard output is a terminal, which interprets control characters.
pub(crate) fn is_to_terminal() -> bool {
    stdout().is_terminal()
}

/// Whether standard error is a terminal, where a person sees what is drawn.
pub(crate) fn is_error_to_terminal() -> bool {
    io::stderr().is_terminal()
}

/// Draws on standard error. A failure does no harm.
pub(crate) fn draw(text: &str) {
    standard_error::write(text);
}

#[expect(
    clippy::disallowed_methods,
    reason = "this is the one place where the command line prints"
)]
fn stdout() -> io::Stdout {
    io::stdout()
}

/// The version of all shapes of JSON. Fields may be added; none changes its meaning without a new version.
const VERSION: u32 = 1;

/// Prints an object as JSON, with the version of its shape.
pub(crate) fn json(mut object: Value) -> Result<()> {
    object["version"] = VERSION.into();
    out(&format!("{object:#}\n"))
}

/// Prints an error to standard error, each text once: some commands read the state again and again.
pub(crate) fn warn(error: &anyhow::Error) {
    static SAID: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());
    let text = format!("{error:#}");
    let mut said = SAID.lock().unwrap_or_else(PoisonError::into_inner);
    if said.insert(text.clone()) {
        standard_error::write(&format!("sisyphus: {text}\n"));
    }
}

/// Prints the error, if there is one, and maps the outcome to one of [`EXIT_CODES`].
pub(crate) fn finish(outcome: Result<Verdict>) -> ExitCode {
    let error = match outcome {
        Ok(Verdict::Good) => return ExitCode::SUCCESS,
        Ok(Verdict::Bad) => return ExitCode::from(FAILURE),
        Ok(Verdict::TimedOut) => return ExitCode::from(TIMED_OUT),
        Ok(Verdict::Code(code)) => return ExitCode::from(code),
        Err(error) => error,
    };
    let Some(missing) = error.downcast_ref::<NoSuchTask>() else {
        warn(&error);
        return ExitCode::from(FAILURE);
    };
    let said = match missing {
        NoSuchTask::Unknown(_) => format!("{missing}; `sisyphus list` shows them"),
        NoSuchTask::Ambiguous { said, candidates } => {
            format!("{said}:\n  {}", candidates.join("\n  "))
        }
        NoSuchTask::Nameless
        | NoSuchTask::UnknownSession(_)
        | NoSuchTask::Ended(_)
        | NoSuchTask::Around(_) => missing.to_string(),
    };
    warn(&anyhow::anyhow!(said));
    ExitCode::from(NOT_FOUND)
}

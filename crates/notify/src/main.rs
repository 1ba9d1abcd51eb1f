//! `sisyphus-notify`: notifies people on their desktop when commands finish. The process that publishes a result starts
//! it and goes on. The notifier takes the notes, waits a moment for related ones, and exits. Its errors go to the log
//! only.

mod asked;
mod compose;
mod desktop;
mod due;
#[cfg(any(test, target_os = "macos"))]
mod osascript;
mod places;
mod programs;
mod serve;
mod standing;
mod sys;

use std::process::ExitCode;

fn main() -> ExitCode {
    match std::env::args().nth(1).as_deref() {
        None => asked::tell(),
        // For `sisyphus notify` and `sisyphus doctor`: prints one line, the desktop's name or the error.
        Some("test") => asked::test(),
        Some("probe") => asked::probe(),
        Some(_) => ExitCode::FAILURE,
    }
}

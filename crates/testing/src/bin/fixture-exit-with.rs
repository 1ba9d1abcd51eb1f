//! Exits as its arguments say: `fixture-exit-with CODE` or `fixture-exit-with signal N`.

use std::process::ExitCode;

use nix::sys::signal::{SigHandler, Signal, raise, signal};

/// The arguments are wrong, or the signal did not end the process.
const MISUSED: u8 = 99;

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = args.iter().map(String::as_str).collect();
    match words.as_slice() {
        [code] => ExitCode::from(code.parse::<u8>().unwrap_or(MISUSED)),
        ["signal", number] => {
            let number = number.parse::<i32>().ok();
            if let Some(number) = number.and_then(|number| Signal::try_from(number).ok()) {
                // The standard library has a handler of its own for SEGV.
                let _ = unsafe { signal(number, SigHandler::SigDfl) };
                let _ = raise(number);
            }
            ExitCode::from(MISUSED)
        }
        _ => ExitCode::from(MISUSED),
    }
}

//! How each program of the harness starts, and what a person sees of its failure.

#![expect(clippy::print_stderr, reason = "a tool of the build talks to a person")]

use std::env;
use std::process::ExitCode;

use anyhow::Result;

/// Runs `program` with the arguments of this process, and prints its error.
pub fn start(program: impl FnOnce(&[String]) -> Result<ExitCode>) -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    match program(&arguments) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

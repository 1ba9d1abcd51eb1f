//! The build tool: `cargo xtask ci`, `cargo xtask tidy`, `cargo xtask e2e`.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a build tool talks to a person")]
#![expect(
    clippy::disallowed_methods,
    reason = "a build tool is not a hook: it may write, sleep and read the environment"
)]

mod bench;
mod chaos;
mod ci;
mod dispatch;
mod dist;
mod docs;
mod e2e;
mod fuzz;
mod tidy;
mod tools;

use std::env;
use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    match dispatch::run(&arguments) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

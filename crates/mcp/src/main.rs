//! `sisyphus-mcp`: Claude Code starts it with each session and speaks to it on standard input and output.

mod answer;
mod completion;
mod input;
mod request;
mod server;
mod session;
mod table;
mod tools;
mod view;
mod warn;
mod watch;

use std::process::ExitCode;

fn main() -> ExitCode {
    server::serve()
}

//! Parses the arguments that the snippet gives, or the process that delegates a session, and nothing else.

use std::ffi::OsString;
use std::path::Path;
use std::process::ExitCode;

const USAGE: u8 = 2;

fn main() -> ExitCode {
    sisyphus_process::survive_file_size_limit();
    let args: Vec<OsString> = std::env::args_os().collect();
    let [runner, verb, string] = args.as_slice() else {
        return ExitCode::from(USAGE);
    };
    let runner = Path::new(runner);
    match verb.to_str() {
        Some("claim") => sisyphus_runner::claim(runner, string),
        Some("run") => sisyphus_runner::run(runner, string),
        Some("command") => sisyphus_runner::command(Path::new(string)),
        Some("session") => sisyphus_runner::session(Path::new(string)),
        _ => ExitCode::from(USAGE),
    }
}

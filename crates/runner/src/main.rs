//! Parses the arguments that the snippet gives, and nothing else.

use std::ffi::OsString;
use std::path::Path;
use std::process::ExitCode;

const USAGE: u8 = 2;

fn main() -> ExitCode {
    let args: Vec<OsString> = std::env::args_os().collect();
    let [runner, verb, state, announced, string] = args.as_slice() else {
        return ExitCode::from(USAGE);
    };
    let (runner, state, announced) = (Path::new(runner), Path::new(state), Path::new(announced));
    match verb.to_str() {
        Some("claim") => sisyphus_runner::claim(runner, state, announced, string),
        Some("run") => sisyphus_runner::run(runner, state, announced, string),
        _ => ExitCode::from(USAGE),
    }
}

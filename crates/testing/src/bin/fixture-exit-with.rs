//! Exits as its arguments say: `fixture-exit-with CODE` or `fixture-exit-with signal N`.

use std::process::ExitCode;

use sisyphus_testing::signals;

/// The arguments are wrong, or the signal did not end the process.
const MISUSED: u8 = 99;

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = args.iter().map(String::as_str).collect();
    match words.as_slice() {
        [code] => ExitCode::from(code.parse::<u8>().unwrap_or(MISUSED)),
        ["signal", number] => {
            if let Ok(number) = number.parse() {
                signals::end_by(number);
            }
            ExitCode::from(MISUSED)
        }
        _ => ExitCode::from(MISUSED),
    }
}

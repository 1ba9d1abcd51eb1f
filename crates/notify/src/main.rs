//! `sisyphus-notify`: tells people on their desktop what ended. Whoever makes an end known starts it and goes on; it takes
//! what is noted, waits a moment for what belongs to it, and ends. Whatever goes wrong, it is quiet.

mod asked;
mod compose;
mod desktop;
mod due;
mod places;
mod serve;

use std::process::ExitCode;

fn main() -> ExitCode {
    match std::env::args().nth(1).as_deref() {
        None => asked::tell(),
        // For `sisyphus notify` and `sisyphus doctor`: one line on standard output, the desktop's name or what is wrong.
        Some("test") => asked::test(),
        Some("probe") => asked::probe(),
        Some(_) => ExitCode::FAILURE,
    }
}

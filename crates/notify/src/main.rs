//! `sisyphus-notify`: tells people on their desktop what ended. Whoever makes an end known starts it and goes on; it takes
//! what is noted, waits a moment for what belongs to it, and ends. Whatever goes wrong, it is quiet.

mod compose;
mod desktop;
mod due;
mod places;
mod serve;

use std::io::{self, Write as _};
use std::process::ExitCode;

use sisyphus_core::environment::Environment;
use sisyphus_core::hook_log;
use sisyphus_core::paths::{StateDir, client_config_dir};
use sisyphus_core::store::Store;

use compose::Message;
use desktop::Desktop;
use places::Places;

fn main() -> ExitCode {
    match std::env::args().nth(1).as_deref() {
        None => tell(),
        // For `sisyphus notify --test` and `sisyphus doctor`: one line on standard output, the desktop's name or what is
        // wrong.
        Some("test") => {
            say(Desktop::default().show(&Message::test(), None).and_then(|_| desktop::name()))
        }
        Some("probe") => say(desktop::name()),
        Some(_) => ExitCode::FAILURE,
    }
}

fn tell() -> ExitCode {
    let environment = Environment::read();
    let (Ok(state), Ok(config_dir)) =
        (StateDir::locate(&environment), client_config_dir(&environment))
    else {
        return ExitCode::SUCCESS;
    };
    let store = Store::new(state);
    if let Err(error) = serve::serve(&store, &mut Places::new(config_dir)) {
        hook_log::append(store.dir(), "notify", &format!("{error:#}"));
    }
    ExitCode::SUCCESS
}

fn say(found: anyhow::Result<String>) -> ExitCode {
    let (line, code) = match found {
        Ok(name) => (name, ExitCode::SUCCESS),
        Err(error) => (format!("{error:#}"), ExitCode::FAILURE),
    };
    #[expect(clippy::disallowed_methods, reason = "this is what it was asked for")]
    let _ = writeln!(io::stdout(), "{line}");
    code
}

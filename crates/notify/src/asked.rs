//! The commands of this program.

use std::io::{self, Write as _};
use std::path::Path;
use std::process::ExitCode;

use anyhow::Result;
use sisyphus_base::environment::Environment;
use sisyphus_base::hook_log;
use sisyphus_base::paths::{StateDir, client_config_dir};
use sisyphus_state::store::Store;

use crate::compose::Message;
use crate::desktop::{self, Desktop};
use crate::places::Places;
use crate::programs::Programs;
use crate::serve;

/// Shows the notifications that are due.
pub(crate) fn tell() -> ExitCode {
    let environment = Environment::read();
    let Ok(state) = StateDir::locate(&environment) else { return ExitCode::SUCCESS };
    // The home folder may have changed, but the configuration folder that the user set is the same.
    let own = state.config_dir().map(Path::to_owned);
    let Some(config_dir) = own.or_else(|| client_config_dir(&environment).ok()) else {
        return ExitCode::SUCCESS;
    };
    let store = Store::new(state);
    let home = environment.home.unwrap_or_else(|| config_dir.clone());
    let mut programs = Programs::new(config_dir.clone(), home);
    let served = serve::serve(&store, &mut Places::new(config_dir), &mut programs);
    // The user may have removed the state folder. Logging must not create it again.
    if let Err(error) = served
        && store.dir().root().exists()
    {
        hook_log::append(store.dir(), "notify", &format!("{error:#}"));
    }
    ExitCode::SUCCESS
}

/// Shows a test notification, and prints which program shows it.
pub(crate) fn test() -> ExitCode {
    let shown = Desktop::default().show(&Message::test(), None);
    say(shown.and_then(|_| desktop::name()))
}

/// Prints which program shows notifications.
pub(crate) fn probe() -> ExitCode {
    say(desktop::name())
}

fn say(found: Result<String>) -> ExitCode {
    let (line, code) = match found {
        Ok(name) => (name, ExitCode::SUCCESS),
        Err(error) => (format!("{error:#}"), ExitCode::FAILURE),
    };
    #[expect(clippy::disallowed_methods, reason = "the caller asked for this output")]
    let _ = writeln!(io::stdout(), "{line}");
    code
}

//! `sisyphus demo`: a small session through the installed hook binaries, without Claude Code. It works in a scratch
//! folder and leaves nothing behind. The installer runs it as a self-check, so any deviation is an error.

mod attention;
mod commands;
mod draw;
mod events;
mod hooks;
mod sandbox;
mod script;
mod shells;
mod status_board;

use anyhow::Result;
use sisyphus_process::{Signals, exit_as};
use sisyphus_tasks::run::Exit;

use self::attention::Interrupted;
use self::sandbox::Sandbox;
use self::script::play;
use crate::print;

/// Runs the demonstration; an error means that the installation does not work.
pub(crate) fn demo() -> Result<()> {
    let mut signals = Signals::collect()?;
    let outcome = Sandbox::new().and_then(|sandbox| {
        play(&sandbox, &mut signals).map_err(|error| match sandbox.complaint() {
            Some(complaint) => error.context(complaint),
            None => error,
        })
    });
    // The sandbox has been removed, with everything that ran in it.
    if let Err(error) = &outcome {
        let said = error.downcast_ref().map(|Interrupted(signal)| *signal);
        // A hook that failed after a signal was interrupted by it too.
        if let Some(signal) = said.or_else(|| signals.pending().ok().flatten()) {
            print::warn(error);
            exit_as(Exit::Signal(signal));
        }
    }
    outcome
}

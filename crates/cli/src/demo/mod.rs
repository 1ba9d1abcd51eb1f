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
use sisyphus_process::exit_as;
use sisyphus_tasks::run::Exit;

use self::attention::{Attention, Interrupted};
use self::sandbox::Sandbox;
use self::script::play;
use crate::print;

/// Runs the demonstration; an error means that the installation does not work.
pub(crate) fn demo() -> Result<()> {
    let mut attention = Attention::pay()?;
    let outcome = Sandbox::new().and_then(|sandbox| {
        play(&sandbox, &mut attention).map_err(|error| match sandbox.complaint() {
            Some(complaint) => error.context(complaint),
            None => error,
        })
    });
    // The sandbox has been removed, with everything that ran in it.
    let error = match outcome {
        Ok(()) => return Ok(()),
        Err(error) => error,
    };
    let said = error.downcast_ref::<Interrupted>().map(|it| it.signal);
    let Some(signal) = said.or_else(|| attention.interruption().map(|it| it.signal)) else {
        return Err(error);
    };
    print::warn(&error);
    exit_as(Exit::Signal(signal));
    Err(error)
}

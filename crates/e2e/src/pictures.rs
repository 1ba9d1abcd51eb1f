//! `sisyphus-e2e --picture NAME`: prints what the terminal of a real Claude Code shows at a moment that people meet, with
//! its colours. `cargo xtask pictures` draws it.

mod agents_waiting;
mod band;
mod delegated;
mod resumed;
mod swallowed;

use std::process::ExitCode;

use anyhow::{Context as _, Result};
use sisyphus_harness::repository;

use super::stage::Stage;
use super::{client, namespace};

const PICTURE: &str = "--picture";

/// Returns a screen.
type Scene = fn(&Stage) -> Result<String>;

const SCENES: [(&str, Scene); 7] = [
    ("agents-waiting", agents_waiting::shoot),
    ("band-narrow", band::shoot_narrow),
    ("band-wide", band::shoot_wide),
    ("delegated", delegated::shoot),
    ("pane", band::shoot_pane),
    ("resumed", resumed::shoot),
    ("swallowed", swallowed::shoot),
];

/// Prints the picture that the arguments ask for, if they do.
pub(crate) fn asked(arguments: &[String]) -> Result<Option<ExitCode>> {
    let is_inside = arguments.first().is_some_and(|word| word == namespace::INSIDE);
    let [flag, name] = &arguments[usize::from(is_inside)..] else { return Ok(None) };
    if flag != PICTURE {
        return Ok(None);
    }
    let target = repository::target()?;
    let client = client::fetch(&target, client::Version::pinned()?)?;
    if !is_inside && let Some(code) = namespace::run_inside(arguments)? {
        return Ok(Some(code));
    }
    let (_, shoot) = SCENES
        .iter()
        .find(|(it, _)| it == name)
        .with_context(|| format!("`{name}` is no picture of Claude Code"))?;
    let mut stage = Stage::set_up("picture", &client)?;
    stage.binaries = target.join("debug");
    let screen = shoot(&stage)?;
    stage.clean()?;
    print!("{screen}");
    Ok(Some(ExitCode::SUCCESS))
}

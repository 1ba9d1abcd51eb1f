//! `cargo xtask chaos`: sessions use the plugin at once while its processes are killed, its lock is held and its files are
//! attacked; then every command must have been reported, once and right.
//!
//! Tried are the binaries in `SISYPHUS_PREBUILT`, as by the installer, or else what is built here.

mod options;
mod random;
mod storm;
mod sys;
mod tree;

use std::env;
use std::path::{self, PathBuf};
use std::process::ExitCode;

use anyhow::Result;

use crate::e2e::plugin;
use crate::repository;
use options::Options;

/// Runs what the options ask for.
pub(crate) fn run(arguments: &[String]) -> Result<ExitCode> {
    let options = Options::parse(arguments)?;
    storm::run(&binaries()?, options.seed, options.seconds)
}

fn binaries() -> Result<PathBuf> {
    match env::var_os("SISYPHUS_PREBUILT") {
        Some(folder) => Ok(path::absolute(folder)?),
        None => plugin::build(&repository::root()?, &repository::target()?),
    }
}

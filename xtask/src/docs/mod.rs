//! `cargo xtask docs`: the parts of the documentation that are made from the program itself.

mod picture;
mod settings;
mod steady;
mod terminal;

use std::fs;
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context as _, Result};

use crate::bench::{self, Report};
use crate::repository;

/// The page that is made from the table of settings.
pub(crate) const SETTINGS: &str = "docs/settings.md";
/// The picture that is made from what the demonstration prints.
const PICTURE: &str = "docs/demo.svg";

/// The page that is made from what was measured.
pub(crate) const BENCHMARKS: &str = "docs/benchmarks.md";
/// What was measured, as it was when the page was made.
const MEASURED: &str = "docs/benchmarks.json";

/// Writes all of them anew.
pub(crate) fn run() -> Result<ExitCode> {
    let root = repository::root()?;
    write(&root.join(SETTINGS), &settings())?;
    write(&root.join(BENCHMARKS), &benchmarks(&root)?)?;
    write(&root.join(PICTURE), &picture::draw(&root)?)?;
    Ok(ExitCode::SUCCESS)
}

/// The page about settings, as it should be.
pub(crate) fn settings() -> String {
    settings::page()
}

/// The page about costs, as it should be.
pub(crate) fn benchmarks(root: &Path) -> Result<String> {
    Ok(bench::page(&Report::read(&root.join(MEASURED))?))
}

/// Makes the page from another measurement.
pub(crate) fn publish_benchmarks(measured: &Path) -> Result<ExitCode> {
    let root = repository::root()?;
    Report::read(measured)?.write(&root.join(MEASURED))?;
    write(&root.join(BENCHMARKS), &benchmarks(&root)?)?;
    Ok(ExitCode::SUCCESS)
}

fn write(path: &Path, text: &str) -> Result<()> {
    println!("{}", path.display());
    fs::write(path, text).with_context(|| format!("could not write `{}`", path.display()))
}

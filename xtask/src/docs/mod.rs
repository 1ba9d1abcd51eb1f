//! `cargo xtask docs`: the parts of the documentation that are made from the program itself.

mod picture;
mod settings;
mod steady;
mod terminal;
mod texts;

use std::fs;
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context as _, Result, bail};

use crate::bench::{self, Report};
use crate::repository;

/// The page that is made from the table of settings.
pub(crate) const SETTINGS: &str = "docs/settings.md";
/// The page that is made from the examples of the texts for the model.
pub(crate) const TEXTS: &str = "docs/what-claude-reads.md";
/// The picture that is made from what the demonstration prints.
const PICTURE: &str = "docs/demo.svg";

/// The page that is made from what was measured.
pub(crate) const BENCHMARKS: &str = "docs/benchmarks.md";
/// What was measured, as it was when the page was made.
const MEASURED: &str = "docs/benchmarks.json";

/// Writes all of them anew, or only looks at the picture: the others are `tidy`'s.
pub(crate) fn run(arguments: &[String]) -> Result<ExitCode> {
    let root = repository::root()?;
    match arguments {
        [] => {}
        [option] if option == "--check" => return check_picture(&root),
        [other, ..] => bail!("`{other}` is no option of `cargo xtask docs`"),
    }
    write(&root.join(SETTINGS), &settings())?;
    write(&root.join(BENCHMARKS), &benchmarks(&root)?)?;
    write(&root.join(TEXTS), &texts()?)?;
    write(&root.join(PICTURE), &picture::draw(&root)?)?;
    Ok(ExitCode::SUCCESS)
}

/// The page about settings, as it should be.
pub(crate) fn settings() -> String {
    settings::page()
}

/// The page about texts for the model, as it should be.
pub(crate) fn texts() -> Result<String> {
    texts::page()
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

/// Tells whether the picture is what the demonstration leaves today.
fn check_picture(root: &Path) -> Result<ExitCode> {
    let path = root.join(PICTURE);
    let current = fs::read_to_string(&path)
        .with_context(|| format!("could not read `{}`", path.display()))?;
    if current == picture::draw(root)? {
        return Ok(ExitCode::SUCCESS);
    }
    println!("{PICTURE}: is not what `sisyphus demo` prints; run `cargo xtask docs`");
    Ok(ExitCode::FAILURE)
}

fn write(path: &Path, text: &str) -> Result<()> {
    println!("{}", path.display());
    fs::write(path, text).with_context(|| format!("could not write `{}`", path.display()))
}

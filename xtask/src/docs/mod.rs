//! `cargo xtask docs`: the parts of the documentation that are generated from the program.

mod picture;
mod settings;
mod steady;
mod terminal;
mod texts;

use std::fs;
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context as _, Result, bail};
use sisyphus_harness::repository;

/// The page that is generated from the table of settings.
pub(crate) const SETTINGS: &str = "docs/settings.md";
/// The page that is generated from the examples of the texts for the model.
pub(crate) const TEXTS: &str = "docs/what-claude-reads.md";
/// The picture of the demonstration's output.
const PICTURE: &str = "docs/demo.svg";

/// Writes all of them, or with `--check` only compares the picture: `tidy` compares the others.
pub(crate) fn run(arguments: &[String]) -> Result<ExitCode> {
    let root = repository::root()?;
    match arguments {
        [] => {}
        [option] if option == "--check" => return check_picture(&root),
        [other, ..] => bail!("`{other}` is not an option of `cargo xtask docs`"),
    }
    write(&root.join(SETTINGS), &settings())?;
    write(&root.join(sisyphus_bench::PAGE), &sisyphus_bench::page(&root)?)?;
    write(&root.join(TEXTS), &texts()?)?;
    write(&root.join(PICTURE), &picture::draw(&root)?)?;
    Ok(ExitCode::SUCCESS)
}

/// The current page about settings.
pub(crate) fn settings() -> String {
    settings::page()
}

/// The current page about texts for the model.
pub(crate) fn texts() -> Result<String> {
    texts::page()
}

/// Checks that the picture is what the demonstration prints today.
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

//! `sisyphus man`: the manual pages, generated from the command line.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use clap::builder::Resettable;
use clap::{Args as ClapArgs, Command};
use clap_mangen::Man;
use clap_mangen::roff::{Roff, roman};

use crate::print::{self, EXIT_CODES};

#[derive(Debug, ClapArgs)]
pub(crate) struct Pages {
    /// The folder for the pages, created if it is missing. `man` searches `~/.local/share/man/man1`.
    #[arg(value_name = "DIR")]
    dir: PathBuf,
}

/// Writes one page for the command line `whole` and one for each command.
pub(crate) fn man(options: &Pages, whole: Command) -> Result<()> {
    let dir = &options.dir;
    std::fs::create_dir_all(dir)
        .with_context(|| format!("could not create `{}`", dir.display()))?;
    // The pages have a section of their own for the exit codes.
    let whole = whole.after_help(Resettable::Reset);
    let mut whole = whole.disable_help_subcommand(true);
    whole.build();
    write(dir, "sisyphus", whole.clone())?;
    write_below(dir, "sisyphus", &whole)
}

/// Writes the pages of the commands below `command`, whose words are `words`.
fn write_below(dir: &Path, words: &str, command: &Command) -> Result<()> {
    for command in command.get_subcommands().filter(|command| !command.is_hide_set()) {
        // The usage has several words, the title one.
        let usage = format!("{words} {}", command.get_name());
        let name = usage.replace(' ', "-");
        write(dir, &name, command.clone().bin_name(&usage).display_name(&name))?;
        write_below(dir, &usage, command)?;
    }
    Ok(())
}

fn write(dir: &Path, name: &str, command: Command) -> Result<()> {
    let path = dir.join(format!("{name}.1"));
    let failed = || format!("could not write `{}`", path.display());
    let mut page = Vec::new();
    let source = concat!("sisyphus ", env!("CARGO_PKG_VERSION"));
    Man::new(command).source(source).render(&mut page).with_context(failed)?;
    exit_status().to_writer(&mut page).with_context(failed)?;
    // Unlike the state, the pages are no secret.
    std::fs::write(&path, page).with_context(failed)?;
    print::out(&format!("{}\n", path.display()))
}

fn exit_status() -> Roff {
    let mut roff = Roff::new();
    roff.control("SH", ["EXIT STATUS"]);
    for (code, meaning) in EXIT_CODES {
        roff.control("TP", []).text([roman(code.to_string())]).text([roman(*meaning)]);
    }
    roff
}

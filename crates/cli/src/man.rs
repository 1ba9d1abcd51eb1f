//! `sisyphus man`: the manual pages, made from the command line itself.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use clap::{Args as ClapArgs, CommandFactory as _};
use clap_mangen::Man;
use clap_mangen::roff::{Roff, roman};

use crate::args::Args;
use crate::print::{self, EXIT_CODES};

#[derive(Debug, ClapArgs)]
pub(crate) struct Pages {
    /// The folder that the pages are written to, made if there is none: `~/.local/share/man/man1` is where `man` looks.
    #[arg(value_name = "DIR")]
    dir: PathBuf,
}

/// Writes one page for the whole and one for each command.
pub(crate) fn man(options: &Pages) -> Result<()> {
    let dir = &options.dir;
    std::fs::create_dir_all(dir)
        .with_context(|| format!("could not create `{}`", dir.display()))?;
    let mut whole = Args::command().disable_help_subcommand(true);
    whole.build();
    write(dir, "sisyphus", whole.clone())?;
    for command in whole.get_subcommands().filter(|command| !command.is_hide_set()) {
        let name = format!("sisyphus-{}", command.get_name());
        // In the usage it is two words, in the title one.
        let usage = format!("sisyphus {}", command.get_name());
        write(dir, &name, command.clone().bin_name(usage).display_name(name.clone()))?;
    }
    Ok(())
}

fn write(dir: &Path, name: &str, command: clap::Command) -> Result<()> {
    let path = dir.join(format!("{name}.1"));
    let failed = || format!("could not write `{}`", path.display());
    let mut page = Vec::new();
    let source = concat!("sisyphus ", env!("CARGO_PKG_VERSION"));
    Man::new(command).source(source).render(&mut page).with_context(failed)?;
    exit_status().to_writer(&mut page).with_context(failed)?;
    // Pages are for everybody, unlike what we keep of tasks.
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

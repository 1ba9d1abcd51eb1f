//! `sisyphus completions`: a script with which a shell completes our command lines.

pub(crate) mod candidates;
mod dynamic;

use anyhow::Result;
use clap::{Args as ClapArgs, Command, ValueEnum};
use clap_complete::{Shell as Generator, generate};

use crate::print;

#[derive(Debug, ClapArgs)]
#[command(after_help = "To switch it on:
  bash: in ~/.bashrc       source <(sisyphus completions bash)
  zsh:  in ~/.zshrc, after compinit
                           source <(sisyphus completions zsh)
  fish: once               sisyphus completions fish >~/.config/fish/completions/sisyphus.fish")]
pub(crate) struct Completions {
    shell: Shell,
}

/// The shells that have a script.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Shell {
    Bash,
    Zsh,
    Fish,
}

/// Prints the script for the command line `whole`.
pub(crate) fn completions(options: &Completions, mut whole: Command) -> Result<()> {
    let generator = match options.shell {
        Shell::Bash => Generator::Bash,
        Shell::Zsh => Generator::Zsh,
        Shell::Fish => Generator::Fish,
    };
    let mut script = Vec::new();
    generate(generator, &mut whole, "sisyphus", &mut script);
    let script = String::from_utf8_lossy(&script);
    print::out(&match options.shell {
        Shell::Bash => dynamic::bash(&script),
        Shell::Zsh => dynamic::zsh(&script),
        Shell::Fish => dynamic::fish(&script),
    })
}

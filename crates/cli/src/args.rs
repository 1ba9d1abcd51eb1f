//! The command line, and nothing that acts on it.

use clap::{Args as ClapArgs, Parser, Subcommand};

/// Background commands of Claude Code: what runs, what ended, and how.
#[derive(Debug, Parser)]
#[command(name = "sisyphus", version, arg_required_else_help = true)]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Lists tasks: those that have not ended, then the newest that have.
    List(List),
    /// Shows one task and the end of its output.
    Show(Show),
    /// Drives the installed hooks through one real background command, without Claude Code and without an account.
    Demo,
}

/// The form of the data that a command prints.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    Text,
    Json,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct List {
    /// Lists archived tasks too.
    #[arg(long)]
    all: bool,
    /// How many ended tasks are listed.
    #[arg(long, default_value_t = 20, value_name = "N")]
    pub(crate) last: usize,
    /// Prints JSON.
    #[arg(long)]
    json: bool,
}

/// How far back a listing goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reach {
    Recent,
    Archive,
}

impl List {
    pub(crate) fn reach(&self) -> Reach {
        if self.all { Reach::Archive } else { Reach::Recent }
    }

    pub(crate) fn format(&self) -> Format {
        if self.json { Format::Json } else { Format::Text }
    }
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Show {
    /// The task: its id or the beginning of it, Claude Code's id of it, or its description.
    pub(crate) task: String,
    /// Prints JSON.
    #[arg(long)]
    json: bool,
}

impl Show {
    pub(crate) fn format(&self) -> Format {
        if self.json { Format::Json } else { Format::Text }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    #[test]
    fn the_command_line_is_sound() {
        Args::command().debug_assert();
    }
}

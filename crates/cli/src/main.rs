//! `sisyphus`: parses, calls, maps to an exit code.

mod args;
mod demo;
mod list;
mod print;
mod show;
mod tasks;
mod view;

use std::process::ExitCode;

use clap::Parser as _;

fn main() -> ExitCode {
    let outcome = match args::Args::parse().command {
        args::Command::List(options) => list::list(&options),
        args::Command::Show(options) => show::show(&options),
        args::Command::Demo => demo::demo(),
    };
    print::finish(outcome)
}

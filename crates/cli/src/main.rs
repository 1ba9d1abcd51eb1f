//! `sisyphus`: parses, calls, maps to an exit code.

mod args;
mod cancel;
mod clean;
mod demo;
mod list;
mod output;
mod print;
mod show;
mod terminal;
mod view;
mod wait;
mod words;

use std::process::ExitCode;

use args::Command;
use clap::Parser as _;
use print::Verdict;

fn main() -> ExitCode {
    let good = |()| Verdict::Good;
    print::finish(match args::Args::parse().command {
        Command::List(options) => list::list(&options).map(good),
        Command::Show(options) => show::show(&options).map(good),
        Command::Output(options) => output::output(&options).map(good),
        Command::Wait(options) => wait::wait(&options),
        Command::Cancel(options) => cancel::cancel(&options),
        Command::Clean(options) => clean::clean(&options),
        Command::Demo => demo::demo().map(good),
    })
}

//! Which function does what a command line asks for.

use std::process::ExitCode;

use clap::Parser as _;

use crate::args::{Args, Command};
use crate::print::{self, Verdict};
use crate::{cancel, clean, demo, list, output, show, wait};

/// Runs the command line of this process.
pub(crate) fn run() -> ExitCode {
    let good = |()| Verdict::Good;
    print::finish(match Args::parse().command {
        Command::List(options) => list::list(&options).map(good),
        Command::Show(options) => show::show(&options).map(good),
        Command::Output(options) => output::output(&options).map(good),
        Command::Wait(options) => wait::wait(&options),
        Command::Cancel(options) => cancel::cancel(&options),
        Command::Clean(options) => clean::clean(&options),
        Command::Demo => demo::demo().map(good),
    })
}

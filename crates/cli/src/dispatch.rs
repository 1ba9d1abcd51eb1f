//! Which function runs which command.

use std::process::ExitCode;

use clap::{CommandFactory as _, Parser as _};

use crate::args::{Args, Command};
use crate::completions::candidates;
use crate::install::import;
use crate::print::{self, Verdict};
use crate::queue::{next, restart, run, top};
use crate::{
    cancel, clean, completions, config, delegate, demo, doctor, events, install, list, man, notify,
    output, show, stats, statusline, timeline, wait,
};

/// Runs the command line of this process.
pub(crate) fn run() -> ExitCode {
    let good = |()| Verdict::Good;
    // Runs many times a minute, so it skips the parser.
    if std::env::args_os().skip(1).eq(["statusline"]) {
        return statusline::statusline();
    }
    print::finish(match Args::parse().command {
        Command::List(options) => list::list(&options).map(good),
        Command::Show(options) => show::show(&options).map(good),
        Command::Output(options) => output::output(&options).map(good),
        Command::Tail(options) => output::tail(options).map(good),
        Command::Wait(options) => wait::wait(&options),
        Command::Run(options) => run::run(&options),
        Command::Restart(options) => restart::restart(&options),
        Command::Next(options) => next::next(&options),
        Command::Delegate(options) => delegate::delegate(&options),
        Command::Cancel(options) => cancel::cancel(&options),
        Command::Clean(options) => clean::clean(&options),
        Command::Stats(options) => stats::stats(&options).map(good),
        Command::Timeline(options) => timeline::timeline(&options).map(good),
        Command::Events(options) => events::events(&options).map(good),
        Command::Top => top::top(),
        Command::Statusline(options) if options.json => statusline::json(&options).map(good),
        Command::Statusline(_) => return statusline::statusline(),
        Command::Config(options) => config::config(&options).map(good),
        Command::Install(options) => install::install(&options),
        Command::Doctor(options) => doctor::doctor(&options),
        Command::Notify(options) => notify::notify(&options),
        Command::Completions(options) => {
            completions::completions(&options, Args::command()).map(good)
        }
        Command::Man(options) => man::man(&options, Args::command()).map(good),
        Command::Demo => demo::demo().map(good),
        Command::Candidates(options) => candidates::candidates(&options).map(good),
        Command::Import => import::import().map(good),
    })
}

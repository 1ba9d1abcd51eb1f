//! The command line, and nothing that acts on it.

use clap::{Parser, Subcommand};

use crate::cancel::Cancel;
use crate::clean::Clean;
use crate::completions::Completions;
use crate::completions::candidates::Candidates;
use crate::config::Config;
use crate::delegate::Delegate;
use crate::doctor::Doctor;
use crate::events::Events;
use crate::install::Install;
use crate::list::List;
use crate::man::Pages;
use crate::notify::Notify;
use crate::output::{Output, Tail};
use crate::print::EXIT_CODES;
use crate::queue::next::Next;
use crate::queue::restart::Restart;
use crate::queue::run::Run;
use crate::show::Show;
use crate::stats::Stats;
use crate::statusline::Statusline;
use crate::timeline::Timeline;
use crate::wait::Wait;

/// Background commands of Claude Code: what runs, what ended, and how.
#[derive(Debug, Parser)]
#[command(name = "sisyphus", version, arg_required_else_help = true, after_help = exit_codes())]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(crate) command: Command,
}

fn exit_codes() -> String {
    let lines = EXIT_CODES.iter().map(|(code, meaning)| format!("  {code:<4} {meaning}\n"));
    format!("Exit codes:\n{}", lines.collect::<String>())
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// List tasks: those that have not ended, then the newest that have.
    #[command(visible_alias = "ls")]
    List(List),
    /// Show one task and the end of its output.
    Show(Show),
    /// Print the output of tasks, live or ended.
    #[command(visible_alias = "logs")]
    Output(Output),
    /// Print the last lines of tasks, and what they add until they have ended.
    Tail(Tail),
    /// Wait until tasks have ended, and print their outcomes.
    Wait(Wait),
    /// Run a command in the queue of Claude Code's background commands.
    Run(Run),
    /// Run an ended command again, in its folder.
    Restart(Restart),
    /// Move a queued command to the front of its queue.
    Next(Next),
    /// Hand work to a Claude Code session of its own, in this folder.
    Delegate(Delegate),
    /// Stop tasks, with every process that they have started.
    #[command(visible_alias = "stop")]
    Cancel(Cancel),
    /// Remove old outputs, old history and what crashes have left.
    Clean(Clean),
    /// Count commands by outcome, with their running times and their waits for a slot.
    Stats(Stats),
    /// Draw the last hours, one bar per task.
    Timeline(Timeline),
    /// Print the changes of status of all tasks, as they were or as they happen.
    Events(Events),
    /// Show a dashboard of all tasks, with keys to follow, cancel and restart them.
    Top,
    /// Print one short line for the status line of Claude Code, nothing while nothing runs.
    Statusline(Statusline),
    /// Print the effective value of each setting, and where it comes from; `get` prints one, `set` and `unset` change one.
    Config(Config),
    /// Install, update or remove the plugin, from the archive or the npm package of this program.
    Install(Install),
    /// Check the installation and suggest fixes.
    Doctor(Doctor),
    /// Print how notifications reach you: on the desktop or through the terminal.
    Notify(Notify),
    /// Print a script with which a shell completes command lines.
    Completions(Completions),
    /// Write the manual pages.
    Man(Pages),
    /// Run four real background commands through the installed hooks, without Claude Code and without an account.
    Demo,
    /// Print what a shell completes. For the scripts of `completions`.
    #[command(hide = true)]
    Candidates(Candidates),
    /// Import what version 0.1.0 left in its own state folder. For the installer.
    #[command(hide = true)]
    Import,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        Args::command().debug_assert();
    }
}

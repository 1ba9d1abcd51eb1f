//! The command line, and nothing that acts on it.

use std::time::Duration;

use clap::{Args as ClapArgs, Parser, Subcommand};

use crate::completions::Completions;
use crate::config::Config;
use crate::doctor::Doctor;
use crate::man::Pages;
use crate::notify::Notify;
use crate::print::EXIT_CODES;
use crate::stats::Stats;
use crate::timeline::Timeline;

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
    List(List),
    /// Show one task and the end of its output.
    Show(Show),
    /// Print the output of a task, live or ended.
    Output(Output),
    /// Wait until tasks have ended, and print their outcomes.
    Wait(Wait),
    /// Stop tasks, with every process that they have started.
    Cancel(Cancel),
    /// Remove old outputs, old history and what crashes have left.
    Clean(Clean),
    /// Count commands by outcome, with their running times and their waits for a slot.
    Stats(Stats),
    /// Draw the last hours, one bar per task.
    Timeline(Timeline),
    /// Print one short line for the status line of Claude Code, nothing while nothing runs.
    Statusline,
    /// Print the effective value of each setting, and where it comes from.
    Config(Config),
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
    /// Import what version 0.1.0 left in its own state folder. For the installer.
    #[command(hide = true)]
    Import,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct List {
    /// List archived tasks too.
    #[arg(long)]
    pub(crate) all: bool,
    /// List at most N ended tasks.
    #[arg(long, default_value_t = 20, value_name = "N")]
    pub(crate) last: usize,
    /// Redraw the list until interrupted, with the last line that each running task has printed.
    #[arg(long, short, conflicts_with = "json")]
    pub(crate) watch: bool,
    /// Print JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Show {
    /// The task: its id or the beginning of it, Claude Code's id for it, or its description.
    pub(crate) task: String,
    /// Print JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Output {
    /// The task: its id or the beginning of it, Claude Code's id for it, or its description.
    pub(crate) task: String,
    /// Keep printing until the task has ended.
    #[arg(long, short)]
    pub(crate) follow: bool,
    /// Begin with the last N lines.
    #[arg(long, short = 'n', value_name = "N")]
    pub(crate) tail: Option<u64>,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Wait {
    /// The tasks, each by its id or the beginning of it, Claude Code's id for it, or its description.
    #[arg(required = true)]
    pub(crate) tasks: Vec<String>,
    /// Give up after this many seconds, with exit code 124.
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    pub(crate) timeout: Option<Duration>,
    /// Print JSON when all have ended.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Cancel {
    /// The tasks, each by its id or the beginning of it, Claude Code's id for it, or its description.
    #[arg(required_unless_present_any = ["all", "session"], conflicts_with_all = ["all", "session"])]
    pub(crate) tasks: Vec<String>,
    /// Stop every task that Sisyphus can stop, of all sessions.
    #[arg(long, conflicts_with = "session")]
    pub(crate) all: bool,
    /// Stop the tasks of one session. The beginning of its id is enough.
    #[arg(long)]
    pub(crate) session: Option<String>,
    /// Print JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Clean {
    /// Remove outputs and archived history that are older than this many days.
    #[arg(long, value_name = "DAYS", default_value_t = 30)]
    pub(crate) older_than: u32,
    /// Remove the whole history: every record, every kept output, the archive. Refused while a task runs or waits.
    #[arg(long, conflicts_with = "older_than")]
    pub(crate) all: bool,
    /// List what would be removed, and remove nothing.
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Print JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

fn seconds(text: &str) -> Result<Duration, String> {
    let number: f64 = text.parse().map_err(|_| "not a number of seconds".to_owned())?;
    Duration::try_from_secs_f64(number).map_err(|_| "not a time span".to_owned())
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        Args::command().debug_assert();
    }

    #[test]
    fn a_time_span_is_a_number_of_seconds() {
        assert_eq!(seconds("1.5"), Ok(Duration::from_millis(1_500)));
        assert_eq!(seconds("0"), Ok(Duration::ZERO));
        for wrong in ["", "-1", "1s", "NaN", "inf", "1e30"] {
            assert!(seconds(wrong).is_err(), "{wrong}");
        }
    }
}

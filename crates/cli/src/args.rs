//! The command line, and nothing that acts on it.

use std::time::Duration;

use clap::{Args as ClapArgs, CommandFactory as _, FromArgMatches as _, Parser, Subcommand};
use sisyphus_control::HistoryDepth;

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
#[command(name = "sisyphus", version, arg_required_else_help = true)]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(crate) command: Command,
}

impl Args {
    /// Parses the command line of this process. On a wrong one, `--help` and `--version` the parser ends the process.
    pub(crate) fn read() -> Self {
        let matches = command().get_matches();
        Self::from_arg_matches(&matches).unwrap_or_else(|error| error.exit())
    }
}

/// The whole command line, for the help, the manual pages and the completions.
pub(crate) fn command() -> clap::Command {
    let mut help = "Exit codes:\n".to_owned();
    for (code, meaning) in EXIT_CODES {
        help.push_str(&format!("  {code:<4} {meaning}\n"));
    }
    Args::command().after_help(help)
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

/// The form of the data that a command prints.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    Text,
    Json,
}

impl Format {
    pub(crate) fn of(json: bool) -> Self {
        if json { Self::Json } else { Self::Text }
    }
}

#[derive(Debug, ClapArgs)]
pub(crate) struct List {
    /// List archived tasks too.
    #[arg(long)]
    all: bool,
    /// List at most N ended tasks.
    #[arg(long, default_value_t = 20, value_name = "N")]
    pub(crate) last: usize,
    /// Redraw the list until interrupted, with the last line that each running task has printed.
    #[arg(long, short, conflicts_with = "json")]
    watch: bool,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// How long a list is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refresh {
    Once,
    UntilInterrupted,
}

impl List {
    pub(crate) fn refresh(&self) -> Refresh {
        if self.watch { Refresh::UntilInterrupted } else { Refresh::Once }
    }

    pub(crate) fn reach(&self) -> HistoryDepth {
        if self.all { HistoryDepth::Archive } else { HistoryDepth::Recent }
    }

    pub(crate) fn format(&self) -> Format {
        Format::of(self.json)
    }
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Show {
    /// The task: its id or the beginning of it, Claude Code's id for it, or its description.
    pub(crate) task: String,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

impl Show {
    pub(crate) fn format(&self) -> Format {
        Format::of(self.json)
    }
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Output {
    /// The task: its id or the beginning of it, Claude Code's id for it, or its description.
    pub(crate) task: String,
    /// Keep printing until the task has ended.
    #[arg(long, short)]
    follow: bool,
    /// Begin with the last N lines.
    #[arg(long, short = 'n', value_name = "N")]
    pub(crate) tail: Option<u64>,
}

/// When the command stops printing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FollowMode {
    /// At the end of the output so far.
    Now,
    /// When the task has ended.
    TheEnd,
}

impl Output {
    pub(crate) fn follow_mode(&self) -> FollowMode {
        if self.follow { FollowMode::TheEnd } else { FollowMode::Now }
    }
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
    json: bool,
}

impl Wait {
    pub(crate) fn format(&self) -> Format {
        Format::of(self.json)
    }
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Cancel {
    /// The tasks, each by its id or the beginning of it, Claude Code's id for it, or its description.
    #[arg(required_unless_present_any = ["all", "session"], conflicts_with_all = ["all", "session"])]
    tasks: Vec<String>,
    /// Stop every task that Sisyphus can stop, of all sessions.
    #[arg(long, conflicts_with = "session")]
    all: bool,
    /// Stop the tasks of one session. The beginning of its id is enough.
    #[arg(long)]
    session: Option<String>,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// Which tasks to cancel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Choice<'a> {
    Named(&'a [String]),
    OfSession(&'a str),
    All,
}

impl Cancel {
    pub(crate) fn choice(&self) -> Choice<'_> {
        match (&self.session, self.all) {
            (Some(session), _) => Choice::OfSession(session),
            (None, true) => Choice::All,
            (None, false) => Choice::Named(&self.tasks),
        }
    }

    pub(crate) fn format(&self) -> Format {
        Format::of(self.json)
    }
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Clean {
    /// Remove outputs and archived history that are older than this many days.
    #[arg(long, value_name = "DAYS", default_value_t = 30)]
    older_than: u32,
    /// Remove the whole history: every record, every kept output, the archive. Refused while a task runs or waits.
    #[arg(long, conflicts_with = "older_than")]
    all: bool,
    /// List what would be removed, and remove nothing.
    #[arg(long)]
    dry_run: bool,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// How much is removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Extent {
    Leftovers,
    Everything,
}

/// Whether anything is removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    Apply,
    DryRun,
}

impl Clean {
    pub(crate) fn age(&self) -> Duration {
        Duration::from_secs(u64::from(self.older_than) * 24 * 60 * 60)
    }

    pub(crate) fn extent(&self) -> Extent {
        if self.all { Extent::Everything } else { Extent::Leftovers }
    }

    pub(crate) fn mode(&self) -> Mode {
        if self.dry_run { Mode::DryRun } else { Mode::Apply }
    }

    pub(crate) fn format(&self) -> Format {
        Format::of(self.json)
    }
}

fn seconds(text: &str) -> Result<Duration, String> {
    let number: f64 = text.parse().map_err(|_| "not a number of seconds".to_owned())?;
    Duration::try_from_secs_f64(number).map_err(|_| "not a time span".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        command().debug_assert();
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

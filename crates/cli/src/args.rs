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
    /// Reads the command line of this process. A wrong one, or a wish for help, ends it here.
    pub(crate) fn read() -> Self {
        let matches = command().get_matches();
        Self::from_arg_matches(&matches).unwrap_or_else(|error| error.exit())
    }
}

/// The whole command line, as help, manual pages and completions tell it.
pub(crate) fn command() -> clap::Command {
    let mut help = "Exit codes:\n".to_owned();
    for (code, meaning) in EXIT_CODES {
        help.push_str(&format!("  {code:<4} {meaning}\n"));
    }
    Args::command().after_help(help)
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Lists tasks: those that have not ended, then the newest that have.
    List(List),
    /// Shows one task and the end of its output.
    Show(Show),
    /// Prints the output of a task, live or ended.
    Output(Output),
    /// Waits until tasks have ended, and says how.
    Wait(Wait),
    /// Stops tasks, with every process that they have started.
    Cancel(Cancel),
    /// Removes old outputs, old history and what crashes have left.
    Clean(Clean),
    /// Counts commands: how they ended, how long they took, and how long they waited for a slot.
    Stats(Stats),
    /// Draws the last hours, one bar a task.
    Timeline(Timeline),
    /// Prints one short line for the status line of Claude Code; nothing while nothing runs.
    Statusline,
    /// Prints what counts for each setting, and where it comes from.
    Config(Config),
    /// Examines the installation, and says of whatever is wrong what to do.
    Doctor(Doctor),
    /// Says in which way you are told of ends: on the desktop, or by the terminal.
    Notify(Notify),
    /// Prints a script with which a shell completes command lines.
    Completions(Completions),
    /// Writes the manual pages.
    Man(Pages),
    /// Drives the installed hooks through four real background commands, without Claude Code and without an account.
    Demo,
    /// Takes over what version 0.1.0 left in its own state folder. For the installer.
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
    /// Lists archived tasks too.
    #[arg(long)]
    all: bool,
    /// How many ended tasks are listed.
    #[arg(long, default_value_t = 20, value_name = "N")]
    pub(crate) last: usize,
    /// Draws the list anew as long as it is not interrupted, with the last line that each running task has printed.
    #[arg(long, short, conflicts_with = "json")]
    watch: bool,
    /// Prints JSON.
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
    /// The task: its id or the beginning of it, Claude Code's id of it, or its description.
    pub(crate) task: String,
    /// Prints JSON.
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
    /// The task: its id or the beginning of it, Claude Code's id of it, or its description.
    pub(crate) task: String,
    /// Goes on until the task has ended.
    #[arg(long, short)]
    follow: bool,
    /// Begins with the last N lines.
    #[arg(long, short = 'n', value_name = "N")]
    pub(crate) tail: Option<u64>,
}

/// How long an output is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FollowMode {
    /// As far as it is there.
    Now,
    /// Until its task has ended.
    TheEnd,
}

impl Output {
    pub(crate) fn follow_mode(&self) -> FollowMode {
        if self.follow { FollowMode::TheEnd } else { FollowMode::Now }
    }
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Wait {
    /// The tasks, each by its id or the beginning of it, Claude Code's id of it, or its description.
    #[arg(required = true)]
    pub(crate) tasks: Vec<String>,
    /// Gives up after so many seconds, with exit code 124.
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    pub(crate) timeout: Option<Duration>,
    /// Prints JSON, when all have ended.
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
    /// The tasks, each by its id or the beginning of it, Claude Code's id of it, or its description.
    #[arg(required_unless_present_any = ["all", "session"], conflicts_with_all = ["all", "session"])]
    tasks: Vec<String>,
    /// Stops every task that we can stop, of all sessions.
    #[arg(long, conflicts_with = "session")]
    all: bool,
    /// Stops those of one session; the beginning of its id is enough.
    #[arg(long)]
    session: Option<String>,
    /// Prints JSON.
    #[arg(long)]
    json: bool,
}

/// Which tasks are meant.
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
    /// How old outputs and archived history must be to go, in days.
    #[arg(long, value_name = "DAYS", default_value_t = 30)]
    older_than: u32,
    /// Remove the whole history: every record, every kept output, the archive. Refused while a task runs or waits.
    #[arg(long, conflicts_with = "older_than")]
    all: bool,
    /// Says what would go, and removes nothing.
    #[arg(long)]
    dry_run: bool,
    /// Prints JSON.
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

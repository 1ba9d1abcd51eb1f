//! What the runner records about a person's command, and what it says to the person.

use std::cell::RefCell;
use std::ffi::OsString;
use std::fs::File;
use std::io::{self, IsTerminal as _};
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Error, Result};
use sisyphus_base::clock::Tick;
use sisyphus_base::paths::StateDir;
use sisyphus_base::standard_error;
use sisyphus_state::line::Position;
use sisyphus_state::output::{Extent, KEPT_BYTES, keep};
use sisyphus_state::request::{CommandRequest, Slot, read_request};
use sisyphus_state::run::Run;
use sisyphus_tasks::from_terminal::{After, FromTerminal, OutputPlace};
use sisyphus_tasks::outcome::Outcome;
use sisyphus_tasks::run::{Exit, OutputSize, RunResult, Skipped, Stop};
use sisyphus_tasks::status::Survivors;
use sisyphus_tasks::task::Task;

use crate::confirmation::Confirmation;
use crate::own_run::{OwnRun, place};
use crate::supervise::{End, Start};
use crate::turn::Waiter;

/// Clears the line of a terminal.
const CLEAR: &str = "\r\x1b[2K";

/// The record of one command.
pub(super) struct CommandLedger {
    own: OwnRun,
    request: CommandRequest,
    from_terminal: FromTerminal,
    /// What the person reads about the wait.
    said: RefCell<String>,
}

/// Why a command was not run.
pub(super) enum NotRun {
    Skipped(Skipped),
    /// The runner got this signal.
    Stopped(i32),
}

/// The request in a run folder, if it can be read.
pub(super) fn requested(dir: &Path) -> Option<CommandRequest> {
    let (_, run) = place(dir).ok()?;
    read_request(&run).ok()
}

impl CommandLedger {
    /// Takes the lock, then records the command.
    pub(super) fn open(dir: &Path) -> Result<Self> {
        let mut own = OwnRun::open(dir, "sisyphus-run command")?;
        let request: CommandRequest = read_request(own.run())?;
        let from_terminal = request
            .task
            .from_terminal
            .as_deref()
            .cloned()
            .context("the request names no command")?;
        own.record(&request.task)?;
        Ok(Self { own, request, from_terminal, said: RefCell::default() })
    }

    pub(super) fn state(&self) -> &StateDir {
        self.own.state()
    }

    pub(super) fn task(&self) -> &Task {
        &self.request.task
    }

    pub(super) fn words(&self) -> &[OsString] {
        &self.request.words
    }

    pub(super) fn slot(&self) -> Slot {
        self.request.slot
    }

    /// The tasks that the command comes after.
    pub(super) fn after(&self) -> &[After] {
        &self.from_terminal.after
    }

    pub(super) fn place(&self) -> OutputPlace {
        self.from_terminal.place
    }

    /// Records that the command runs.
    pub(super) fn started(&self, start: Start) {
        self.own.started(start);
    }

    /// Records that the command will not run.
    pub(super) fn not_run(&mut self, why: NotRun, came: Start) {
        let waited = came.instant.elapsed();
        match why {
            NotRun::Skipped(skipped) => {
                let end = End { stop: Stop::None, ..End::unstarted(0) };
                let result = end.result(waited, Tick::now(), Survivors::default());
                self.record(&RunResult { skipped: Some(skipped), ..result });
            }
            NotRun::Stopped(signal) => {
                let is_asked = self.confirmation_of() == Confirmation::AskedToStop;
                let stop = if is_asked { Stop::Asked } else { Stop::Signal(signal) };
                let end = End { exit: Exit::NotStarted, stop, ..End::unstarted(signal) };
                self.record(&end.result(waited, Tick::now(), Survivors::default()));
            }
        }
    }

    /// Keeps the output, and records the result.
    pub(super) fn end(&mut self, waited: Duration, end: End, survivors: Survivors) {
        let result = end.result(waited, Tick::now(), survivors);
        let output = match self.place() {
            OutputPlace::Terminal => None,
            OutputPlace::Kept => self.keep_output().map_err(|error| self.log(Err(error))).ok(),
        };
        self.record(&RunResult { output, ..result });
    }

    fn record(&mut self, result: &RunResult) {
        if !self.state().is_purged() {
            self.own.record_again(&self.request.task);
            self.own.end(result);
        }
    }

    /// Drops the middle of a long output. What survives the command keeps writing to the file that is gone then.
    fn keep_output(&self) -> Result<OutputSize> {
        let path = self.run().output();
        let context = || format!("could not read `{}`", path.display());
        let mut output = File::open(&path).with_context(context)?;
        let bytes = output.metadata().with_context(context)?.len();
        if bytes <= KEPT_BYTES {
            return Ok(OutputSize { bytes, dropped: 0 });
        }
        let kept = keep(&mut output, &Extent::whole(bytes), &path)?;
        Ok(OutputSize { bytes: kept.bytes, dropped: kept.dropped })
    }

    pub(super) fn log(&self, outcome: Result<()>) {
        self.own.log(outcome);
    }

    /// Tells the person what the command waits for, once. On a terminal the next such line takes its place.
    pub(super) fn say_wait(&self, what: &str) {
        if self.place() == OutputPlace::Kept || *self.said.borrow() == what {
            return;
        }
        what.clone_into(&mut self.said.borrow_mut());
        let id = &self.task().id;
        let (before, after) = if io::stderr().is_terminal() { (CLEAR, "") } else { ("", "\n") };
        standard_error::write(&format!("{before}sisyphus: {id} waits {what}{after}"));
    }

    /// Clears what was said about the wait: from here on the terminal is the command's.
    pub(super) fn starts(&self) {
        let has_said = !self.said.borrow().is_empty();
        if has_said && io::stderr().is_terminal() {
            standard_error::write(CLEAR);
        }
    }

    /// Tells the person, or a reader of the kept output, why the command did not run.
    pub(super) fn say(&self, problem: &str) {
        let line = format!("sisyphus: {problem}\n");
        match self.place() {
            OutputPlace::Terminal => {
                self.starts();
                standard_error::write(&line);
            }
            OutputPlace::Kept => {
                self.log(sisyphus_base::atomic::write(&self.run().output(), line.as_bytes()));
            }
        }
    }

    /// Tells the person that no limit holds for the command. What is kept is its output alone.
    pub(super) fn say_unqueued(&self, error: &Error) {
        if self.place() == OutputPlace::Terminal {
            self.say(&format!("the command runs without a queue: {error:#}"));
        }
    }

    /// Tells the person that the time limit has stopped the command. What is kept is its output alone.
    pub(super) fn say_timed_out(&self, limit_ms: u64) {
        if self.place() == OutputPlace::Terminal {
            let (id, limit_ms) = (&self.task().id, Some(limit_ms));
            let sentence = Outcome::TimedOut { limit_ms }.sentence(None);
            standard_error::write(&format!("sisyphus: {id} {sentence}\n"));
        }
    }

    pub(super) fn say_skipped(&self, skipped: &Skipped) {
        self.say(&format!("not run: {} {}", skipped.after, skipped.because));
    }
}

impl Waiter for CommandLedger {
    fn queued(&self) {
        self.own.queued();
    }

    /// A person's command is never in Claude Code's foreground, and its request names its limit.
    fn confirmation_of(&self) -> Confirmation {
        if self.run().stop().exists() {
            return Confirmation::AskedToStop;
        }
        Confirmation::Background { limit_ms: self.task().limit_ms }
    }

    fn run(&self) -> &Run {
        self.own.run()
    }

    fn waits_at(&self, position: Position, group: Option<&str>) {
        let number = position.0 + 1;
        self.say_wait(&match group {
            Some(group) => format!("for the group {group}, number {number} in its queue"),
            None => format!("for a slot, number {number} in the queue"),
        });
    }
}

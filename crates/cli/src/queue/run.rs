//! `sisyphus run`.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Error, Result, anyhow};
use clap::Args as ClapArgs;
use sisyphus_base::environment::Environment;
use sisyphus_base::paths::client_config_dir;
use sisyphus_control::command::{Order, run_detached, run_here, run_unsupervised};
use sisyphus_control::{
    HistoryDepth, Naming, NoSuchTask, TICK, TaskState, TaskWaiter, Tasks, ensure_person, open_store,
};
use sisyphus_process::{Supervises, run_folders_above, runners_above};
use sisyphus_state::request::Slot;
use sisyphus_state::store::Store;
use sisyphus_tasks::from_terminal::{After, Needs, OutputPlace, quoted};
use sisyphus_tasks::outcome::Outcome;
use sisyphus_tasks::task::Task;

use crate::output::{Until, print_of};
use crate::print::{self, NOT_RUN, Verdict};
use crate::project::current_folder;
use crate::wait::seconds;

/// What the model does instead.
pub(crate) const INSTEAD: &str = "run the command itself with `Bash`";

#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:
  sisyphus run make test
  sisyphus run --group build -- cargo build --release
  sisyphus run --detach --after t7k2m9qa4 -- ./deploy.sh staging")]
pub(crate) struct Run {
    /// Join the queue of this group of `sisyphus.groups`. By default its patterns decide.
    #[arg(long, short)]
    pub(crate) group: Option<String>,
    /// Run only after this task has completed; if it fails, skip the command. May be given several times.
    #[arg(long, value_name = "TASK")]
    pub(crate) after: Vec<String>,
    /// Run after this task has ended, in whatever way. May be given several times.
    #[arg(long, value_name = "TASK")]
    pub(crate) after_any: Vec<String>,
    /// Stop the command after this many seconds of running.
    #[arg(long, value_name = "SECONDS", value_parser = limit)]
    pub(crate) timeout: Option<Duration>,
    /// Run it in the background, keep its output, and print its id.
    #[arg(long)]
    pub(crate) detach: bool,
    /// Run it in the background and show its output here: it goes on if this terminal closes, and after Ctrl-C.
    #[arg(long, conflicts_with = "detach")]
    pub(crate) keep_going: bool,
    /// A few words that name it in lists.
    #[arg(long, short)]
    pub(crate) description: Option<String>,
    /// The command and its arguments.
    #[arg(required = true, trailing_var_arg = true)]
    pub(crate) command: Vec<OsString>,
}

/// Runs a command in the queue that Claude Code's background commands wait in. What keeps it from running has an exit code of
/// its own, so that a script tells it from an end of the command.
pub(crate) fn run(options: &Run) -> Result<Verdict> {
    match try_run(options) {
        Err(error) if error.downcast_ref::<NoSuchTask>().is_none() => {
            print::warn(&error);
            Ok(Verdict::Code(NOT_RUN))
        }
        outcome => outcome,
    }
}

impl Run {
    fn is_here(&self) -> bool {
        !self.detach && !self.keep_going
    }

    /// Whether only a runner can do what the person asked for.
    fn needs_runner(&self) -> bool {
        let waits = !self.after.is_empty() || !self.after_any.is_empty();
        !self.is_here() || self.timeout.is_some() || waits
    }
}

/// What a record and a queue need.
struct Place {
    folder: PathBuf,
    config: PathBuf,
    store: Store,
}

impl Place {
    /// # Errors
    /// This process has no home, or its folder was removed. A command needs neither.
    fn of_this_process() -> Result<Self> {
        let config = client_config_dir(&Environment::read())?;
        Ok(Self { folder: current_folder()?, config, store: open_store()? })
    }
}

/// Becomes the command without a queue and a record, as it would run without this plugin. Returns only if that fails, or if
/// the person asked for what needs a runner.
fn run_without_runner(options: &Run, error: Error) -> Error {
    if options.needs_runner() {
        return error.context("could not run the command as you asked");
    }
    print::warn(&error.context("could not queue the command, so it runs without a queue"));
    run_unsupervised(&options.command)
}

fn try_run(options: &Run) -> Result<Verdict> {
    ensure_person(&Environment::read(), "run a command", INSTEAD)?;
    let place = match Place::of_this_process() {
        Ok(place) => place,
        Err(error) => return Err(run_without_runner(options, error)),
    };
    let words: Vec<String> =
        options.command.iter().map(|word| word.to_string_lossy().into_owned()).collect();
    let order = Order {
        words: options.command.clone(),
        line: quoted(&words),
        folder: place.folder,
        description: options.description.clone().unwrap_or_default(),
        group: options.group.clone(),
        after: after(options)?,
        limit_ms: options.timeout.map(|it| u64::try_from(it.as_millis()).unwrap_or(u64::MAX)),
        place: if options.is_here() { OutputPlace::Terminal } else { OutputPlace::Kept },
        slot: if options.keep_going { slot_of_follower() } else { Slot::Own },
    };
    let request = order.checked(&place.config)?;
    let store = place.store;
    if options.is_here() {
        return Err(run_without_runner(options, run_here(&store, &request)));
    }
    run_detached(&store, &request)?;
    if options.keep_going {
        if print::is_error_to_terminal() {
            let id = &request.task.id;
            print::draw(&format!("{id} goes on after Ctrl-C. `sisyphus cancel {id}` stops it.\n"));
        }
        return Ok(follow(store, &request.task));
    }
    Ok(say_id(&request.task))
}

/// A time limit. With none at all, no command would run.
fn limit(text: &str) -> Result<Duration, String> {
    let limit = seconds(text)?;
    if limit.is_zero() { Err("give more than 0 seconds".to_owned()) } else { Ok(limit) }
}

/// Prints the id of a command that has started.
pub(crate) fn say_id(task: &Task) -> Verdict {
    match print::out(&format!("{}\n", task.id)) {
        Ok(()) => Verdict::Good,
        Err(error) => {
            print::warn(&error.context(format!("{} was started", task.id)));
            Verdict::Bad
        }
    }
}

/// The tasks that the command comes after.
fn after(options: &Run) -> Result<Vec<After>> {
    if options.after.is_empty() && options.after_any.is_empty() {
        return Ok(Vec::new());
    }
    let tasks = Tasks::read(HistoryDepth::Archive, print::warn)?;
    let found = |names: &[String], needs| -> Result<Vec<After>> {
        let found = tasks.find_all(names, Naming::Whole)?.into_iter();
        Ok(found.map(|task| After { task: task.id.clone(), needs }).collect())
    };
    let mut after = found(&options.after, Needs::Success)?;
    after.extend(found(&options.after_any, Needs::End)?);
    // With `--detach` nothing waits here, so the task around this command can end.
    if !options.detach {
        let around = run_folders_above();
        let is_around = |it: &&After| around.iter().any(|run| run.ends_with(it.task.as_str()));
        if let Some(it) = after.iter().find(is_around) {
            return Err(NoSuchTask::Around(it.task.clone()).into());
        }
    }
    Ok(after)
}

/// The slot of a background command that this process follows to its end.
pub(crate) fn slot_of_follower() -> Slot {
    match runners_above().first() {
        Some(Supervises::Command) => Slot::OfAsker,
        Some(Supervises::Session) | None => Slot::Own,
    }
}

/// Prints the output of a background command to its end. The command's exit code is the verdict. It has started, so what
/// can't be learned of it is no sign that it was not run.
pub(crate) fn follow(store: Store, task: &Task) -> Verdict {
    let mut waiter = TaskWaiter::new(store, print::warn);
    let followed = print_of(&[task], Until::Ended, None, &mut waiter);
    match followed.and_then(|_| ended(&mut waiter, task)) {
        Ok(task) => verdict(&task),
        Err(error) => {
            let id = &task.id;
            print::warn(&error.context(format!("{id} was started, but can't be followed")));
            Verdict::Bad
        }
    }
}

/// Waits for the end of a task.
fn ended(waiter: &mut TaskWaiter, task: &Task) -> Result<Task> {
    loop {
        let states = waiter.look_at(std::slice::from_ref(task))?;
        match states.into_iter().next() {
            Some(TaskState::Ended(task)) => return Ok(task),
            Some(TaskState::Live(_)) => waiter.pause(TICK),
            Some(TaskState::Forgotten) | None => anyhow::bail!("its record is gone"),
        }
    }
}

/// The exit code of an ended command, as a shell has it.
fn verdict(task: &Task) -> Verdict {
    let Some(ending) = task.status().ending() else { return Verdict::Bad };
    if matches!(ending.outcome, Outcome::TimedOut { .. }) {
        print::warn(&anyhow!("{} {}", task.id, ending.sentence(task.kind)));
        return Verdict::TimedOut;
    }
    // As a shell reports a signal.
    if let Outcome::Killed { signal } = ending.outcome {
        return u8::try_from(128 + signal).map_or(Verdict::Bad, Verdict::Code);
    }
    match ending.exit_code(task.kind) {
        Some(0) => Verdict::Good,
        Some(code) => u8::try_from(code).map_or(Verdict::Bad, Verdict::Code),
        None => {
            print::warn(&anyhow::anyhow!("{} {}", task.id, ending.sentence(task.kind)));
            if ending.started_at.is_some() { Verdict::Bad } else { Verdict::Code(NOT_RUN) }
        }
    }
}

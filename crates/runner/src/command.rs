//! `command`: supervises a command that a person runs with `sisyphus run`, from the request to its exit. In a terminal
//! the runner has replaced `sisyphus`, so it exits as the command exits. In the background no process waits for it.

mod after;
mod ledger;

use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::path::Path;
use std::process::{Child, ExitCode};

use anyhow::{Context as _, Result};
use sisyphus_base::atomic;
use sisyphus_base::environment::Environment;
use sisyphus_base::id::ClientTaskId;
use sisyphus_base::paths::client_tmp_dir;
use sisyphus_base::standard_error;
use sisyphus_base::text::one_line;
use sisyphus_process::{
    MemoryGroup, Plan, SIGTERM, Signals, Stage, Supervises, exec, exit_as, left_behind, pid_of,
    runners_above, spawn_on,
};
use sisyphus_state::request::{CommandRequest, Slot};
use sisyphus_tasks::call::Confinement;
use sisyphus_tasks::from_terminal::OutputPlace;
use sisyphus_tasks::run::{Exit, Stop};
use sisyphus_tasks::status::Survivors;

use crate::command::after::{Ready, wait_for_tasks};
use crate::command::ledger::{CommandLedger, NotRun, requested};
use crate::confirmation::Confirmation;
use crate::memory::Memory;
use crate::queues::Queues;
use crate::say;
use crate::slots::Asked;
use crate::supervise::{End, Reach, Start, supervise};
use crate::turn::{Admitted, Turn, Waiter as _};

/// The exit code of `timeout` for a command that was not run.
const NOT_RUN: u8 = 125;
/// The exit codes of a shell for a command that it can't execute, and for one that it can't find.
const NOT_EXECUTABLE: i32 = 126;
const NOT_FOUND: i32 = 127;
/// Longest name of a program in an error, in characters.
const NAME_MAX: usize = 200;

/// Runs the command whose request is in the run folder `dir`. In the background it prints one line as soon as the command
/// is recorded: `ok`, or why it is not.
pub fn command(dir: &Path) -> ExitCode {
    let ledger = match CommandLedger::open(dir) {
        Ok(ledger) => ledger,
        Err(error) => return unrecorded(dir, &error),
    };
    if ledger.place() == OutputPlace::Kept {
        say("ok");
    }
    match supervised(ledger) {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            warn(&format!("{error:#}"));
            ExitCode::from(NOT_RUN)
        }
    }
}

/// A command of a terminal runs without a record and a queue if it needs neither, as it would without this plugin.
/// Otherwise says why it does not run.
fn unrecorded(dir: &Path, error: &anyhow::Error) -> ExitCode {
    let Some(request) = requested(dir).filter(|request| place_of(request) == OutputPlace::Terminal)
    else {
        // For the process that asked.
        say(&format!("error: {error:#}"));
        return ExitCode::from(NOT_RUN);
    };
    let needs_runner = request.task.limit_ms.is_some()
        || request.task.from_terminal.is_some_and(|known| !known.after.is_empty());
    if needs_runner {
        warn(&format!("could not run the command as you asked: {error:#}"));
        return ExitCode::from(NOT_RUN);
    }
    warn(&format!("could not queue the command, so it runs without a queue: {error:#}"));
    // Returns only if that fails.
    warn(&format!("{:#}", exec(&plan(&request.words))));
    ExitCode::from(NOT_RUN)
}

/// Tells the person in the terminal.
fn warn(problem: &str) {
    standard_error::write(&format!("sisyphus: {problem}\n"));
}

fn place_of(request: &CommandRequest) -> OutputPlace {
    request.task.from_terminal.as_ref().map_or(OutputPlace::Kept, |known| known.place)
}

/// From the wait to the exit. Returns the exit code of this process.
fn supervised(mut ledger: CommandLedger) -> Result<u8> {
    let mut signals = Signals::collect()?;
    let came = Start::now();
    match wait_for_tasks(&ledger, &mut signals)? {
        Ready::Go => {}
        Ready::Skip(skipped) => {
            ledger.say_skipped(&skipped);
            ledger.not_run(NotRun::Skipped(skipped), came);
            return Ok(NOT_RUN);
        }
        Ready::Stopped(signal) => return Ok(stopped(ledger, signal, came)),
    }
    let mut admission = match turn(&ledger, &mut signals) {
        Ok(Turn::Start(admission)) => admission,
        Ok(Turn::Stopped(signal)) => return Ok(stopped(ledger, signal, came)),
        // Without a queue the command starts at once, as it would without this plugin.
        Err(error) => {
            ledger.say_unqueued(&error);
            ledger.log(Err(error));
            Admitted::default()
        }
    };
    let is_stopped = ledger.confirmation_of() == Confirmation::AskedToStop;
    if let Some(signal) = signals.pending()?.or(is_stopped.then_some(SIGTERM)) {
        return Ok(stopped(ledger, signal, came));
    }
    ledger.starts();
    let waited = came.instant.elapsed();
    let task = ledger.task();
    let mb = task.memory_limit.map(|limit| limit.mb);
    let mut memory = Memory::prepare(mb, &task.id, Confinement::Outside);
    let start = Start::now();
    let mut child = match started(&ledger, memory.group()) {
        Ok(child) => child,
        Err((code, problem)) => {
            memory.end(ledger.run());
            ledger.say(&problem);
            // As a shell would have ended.
            let end = End { exit: Exit::Code(code), stop: Stop::None, ..End::unstarted(0) };
            ledger.end(waited, end, Survivors::default());
            return Ok(exit_as(Exit::Code(code)));
        }
    };
    admission.started();
    ledger.started(start);
    memory.started(ledger.run());
    memory.enforce(ledger.run());
    let pid = pid_of(&child);
    let reach = match ledger.place() {
        OutputPlace::Terminal => Reach::Process(pid),
        OutputPlace::Kept => Reach::Group(pid),
    };
    let counters = memory.counters();
    let end =
        supervise(&mut child, reach, &mut signals, start, &counters, || ledger.confirmation_of());
    // The slot is free before the bookkeeping, so that the next command can start.
    drop(admission);
    if let Stop::TimeLimit(limit_ms) = end.stop {
        ledger.say_timed_out(limit_ms);
    }
    let survivors = match reach {
        Reach::Group(group) => left_behind(group),
        // In its group are the other commands of a pipeline.
        Reach::Process(_) => Survivors::default(),
    };
    memory.end(ledger.run());
    ledger.end(waited, end, survivors);
    Ok(exit_as(end.shown()))
}

/// Records that a signal came before the command could start, and ends as the command would have ended.
fn stopped(mut ledger: CommandLedger, signal: i32, came: Start) -> u8 {
    ledger.not_run(NotRun::Stopped(signal), came);
    exit_as(Exit::Signal(signal))
}

fn turn(ledger: &CommandLedger, signals: &mut Signals) -> Result<Turn> {
    let task = ledger.task();
    let id = ClientTaskId::new(task.id.as_str())?;
    let queues = Queues {
        kind: task.kind,
        group: task.group.as_deref(),
        above: match ledger.slot() {
            Slot::OfAsker => Some(Supervises::Command),
            Slot::Own => runners_above().first().copied(),
        },
        client_tmp: &client_tmp_dir(&Environment::read()),
        state: ledger.state(),
        confinement: Confinement::Outside,
    };
    queues.wait(Asked { ticket: task.ticket, id: &id, folder: Some(&task.cwd) }, ledger, signals)
}

/// Starts the command, or says why it can't, with the exit code of a shell.
fn started(
    ledger: &CommandLedger,
    group: Option<&mut MemoryGroup>,
) -> Result<Child, (i32, String)> {
    let plan = plan(ledger.words());
    let stage = stage(ledger).map_err(|error| (NOT_EXECUTABLE, format!("{error:#}")))?;
    spawn_on(stage, &plan, group).map_err(|error| problem(&plan.arg0, &error))
}

fn plan(words: &[OsString]) -> Plan {
    let name = words.first().cloned().unwrap_or_default();
    Plan {
        program: name.clone().into(),
        arg0: name,
        args: words.iter().skip(1).cloned().collect(),
        environment: Vec::new(),
    }
}

fn stage(ledger: &CommandLedger) -> Result<Stage> {
    if ledger.place() == OutputPlace::Terminal {
        return Ok(Stage::Terminal);
    }
    let folder = ledger.task().cwd.clone();
    anyhow::ensure!(
        folder.is_dir(),
        "could not run in `{}`: there is no such folder",
        folder.display()
    );
    Ok(Stage::Background { folder, output: open_output(ledger)? })
}

/// The file that the command writes to; `None` if the state was removed with the plugin.
fn open_output(ledger: &CommandLedger) -> Result<Option<File>> {
    if ledger.state().is_purged() {
        return Ok(None);
    }
    // A person may have removed the state folder.
    let _ = ledger.run().create();
    let path = ledger.run().output();
    let created = atomic::replace(&path, b"").map(Some);
    created.with_context(|| format!("could not create `{}`", path.display()))
}

fn problem(name: &OsString, error: &io::Error) -> (i32, String) {
    let name = one_line(&name.to_string_lossy(), NAME_MAX);
    if error.kind() != io::ErrorKind::NotFound {
        return (NOT_EXECUTABLE, format!("could not run `{name}`: {error}"));
    }
    // It may be meant for a shell, in one word.
    let remedy = if name.contains(char::is_whitespace) {
        "; a line for a shell needs one: `sisyphus run -- sh -c 'LINE'`"
    } else {
        ""
    };
    (NOT_FOUND, format!("could not run `{name}`: {error}{remedy}"))
}

//! `session`: supervises a delegated session, from the request to its end. No process waits for this one, and it outlives
//! the Claude Code that asked for it.

mod arguments;
mod follow;
mod ledger;
mod own_worktree;
mod recording;
mod report;
mod worktree;

use std::path::{Path, PathBuf};
use std::process::{Child, ExitCode};
use std::time::Duration;

use anyhow::Result;
use sisyphus_base::atomic;
use sisyphus_base::environment::Environment;
use sisyphus_base::hook_log;
use sisyphus_base::id::ClientTaskId;
use sisyphus_base::paths::client_tmp_dir;
use sisyphus_process::{
    OomCounters, SIGTERM, SessionPlan, Signals, find_client, left_behind, pid_of, spawn_session,
};
use sisyphus_tasks::run::{Exit, Stop};
use sisyphus_tasks::session::SessionEnd;
use sisyphus_tasks::status::Survivors;

use crate::confirmation::Confirmation;
use crate::say;
use crate::session::follow::Follower;
use crate::session::ledger::Ledger;
use crate::slots::{Asked, Slots};
use crate::supervise::{End, Reach, Start, supervise};
use crate::turn::{Admitted, Turn, Waiter as _, wait_for_turn};

/// Runs the session whose request is in the run folder `dir`. Prints one line as soon as the session is recorded: `ok`,
/// or why it is not.
pub fn session(dir: &Path) -> ExitCode {
    let ledger = match Ledger::open(dir) {
        Ok(ledger) => ledger,
        Err(error) => {
            say(&format!("error: {error:#}"));
            return ExitCode::FAILURE;
        }
    };
    say("ok");
    let state = ledger.state().clone();
    if let Err(error) = supervised(ledger) {
        hook_log::append(&state, "sisyphus-run session", &format!("{error:#}"));
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}

fn supervised(mut ledger: Ledger) -> Result<()> {
    let mut signals = Signals::collect()?;
    let came = Start::now();
    let mut admission = match turn(&ledger, &mut signals) {
        Ok(Turn::Start(admission)) => admission,
        Ok(Turn::Stopped(signal)) => {
            ledger.end(came.instant.elapsed(), unstarted(&ledger, signal), Survivors::default());
            return Ok(());
        }
        // Without a queue there is no limit to hold, and the user asked for a result.
        Err(error) => {
            ledger.log(Err(error));
            Admitted::default()
        }
    };
    let waited = came.instant.elapsed();
    let is_stopped = ledger.confirmation_of() == Confirmation::AskedToStop;
    if let Some(signal) = signals.pending()?.or(is_stopped.then_some(SIGTERM)) {
        ledger.end(waited, unstarted(&ledger, signal), Survivors::default());
        return Ok(());
    }
    let start = Start::now();
    let mut child = match started(&mut ledger) {
        Ok(child) => child,
        Err(error) => {
            ledger.fail(&format!("{error:#}"));
            ledger.end(
                waited,
                End { exit: Exit::NotStarted, ..unstarted(&ledger, 0) },
                Survivors::default(),
            );
            return Err(error);
        }
    };
    admission.started();
    ledger.started(start);
    let group = pid_of(&child);
    let follower = child.stdout.take().map(|stdout| Follower::start(stdout, &ledger, group));
    let counters = OomCounters::now();
    let end = supervise(&mut child, Reach::Group(group), &mut signals, start, &counters, || {
        ledger.confirmation_of()
    });
    // Its Claude Code is gone, so the pipe is at its end unless a process that it left holds it.
    let heard = follower.map(|follower| follower.finish(FOLLOW_WAIT)).unwrap_or_default();
    // The slot is still held, so the next session reads the lowered limit.
    if heard.report.end == Some(SessionEnd::RateLimit) {
        ledger.rate_limited(&heard);
    }
    drop(admission);
    ledger.take(heard);
    let survivors = left_behind(group);
    ledger.end(waited, end, survivors);
    Ok(())
}

/// How long after the exit the runner reads what its Claude Code printed last.
const FOLLOW_WAIT: Duration = Duration::from_secs(2);

/// The end of a session whose runner was stopped before the session started.
fn unstarted(ledger: &Ledger, signal: i32) -> End {
    let end = End::unstarted(signal);
    match (ledger.confirmation_of(), signal) {
        (Confirmation::AskedToStop, _) => End { stop: Stop::Asked, ..end },
        (_, 0) => End { stop: Stop::None, ..end },
        _ => end,
    }
}

fn turn(ledger: &Ledger, signals: &mut Signals) -> Result<Turn> {
    let mut slots = Slots::of_session(&Environment::read(), ledger.state(), ledger.delegated())?;
    let id = ClientTaskId::new(ledger.task().id.as_str())?;
    let folder = Some(ledger.delegated().project.as_path());
    let asked = Asked { ticket: ledger.task().ticket, id: &id, folder };
    wait_for_turn(&mut slots, asked, ledger, signals)
}

/// Starts its Claude Code in the folder of its project, or of the worktree that it continues in.
fn started(ledger: &mut Ledger) -> Result<Child> {
    ledger.prepare_worktree()?;
    let request = ledger.request();
    let program = find_client(&request.client, &Environment::read())?;
    let args = arguments::arguments(request, ledger.mode());
    let prompt = ledger.write_prompt()?;
    let errors = atomic::replace(&ledger.run().errors(), b"")?;
    let folder = ledger.task().cwd.clone();
    spawn_session(SessionPlan { program, args, folder, prompt, errors })
}

/// Claude Code's temporary folder.
fn client_tmp() -> PathBuf {
    client_tmp_dir(&Environment::read())
}

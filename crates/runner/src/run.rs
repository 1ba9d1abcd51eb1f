//! `run`: replaces the shell, from the claim to the exit of the command.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, Result};
use sisyphus_attach::snippet;
use sisyphus_base::environment::Environment;
use sisyphus_base::hook_log;
use sisyphus_base::paths::StateDir;
use sisyphus_process::{
    Plan, SIGTERM, Signals, Supervises, client, exec, exit_as, find_notifier, left_behind, own_key,
    pid_of, runners_above, spawn,
};
use sisyphus_tasks::call::Confinement;
use sisyphus_tasks::run::Exit;
use sisyphus_tasks::status::Survivors;
use sisyphus_tasks::survival::Survival;

use crate::confirmation::Confirmation;
use crate::handoff::Handoff;
use crate::identity::Identity;
use crate::kept::{Keeper, Role, StandIn, keep};
use crate::memory::Memory;
use crate::queues::Queues;
use crate::record::Record;
use crate::slots::Asked;
use crate::supervise::{End, Reach, Start, supervise};
use crate::turn::{Admitted, Turn, Waiter as _};

/// How the part after the claim ended.
enum Attended {
    Ended(Exit),
    /// The command was not started. It still has to run.
    GiveWay,
}

/// Runs the command of the claimed call and exits as it exits. If anything fails, the command runs anyway.
pub fn run(runner: &Path, string: &OsStr) -> ExitCode {
    let attached = string.to_str().and_then(|string| snippet::read(string, runner));
    let (Some(state), Some(attached)) = (StateDir::of_runner(runner), attached) else {
        // The shell then asks again, and no call is announced for it any more.
        return give_way(&plan_without_claim(string));
    };
    let plugin = find_notifier(&state);
    let state = state.of_plugin(plugin);
    let string = OsString::from(attached.string);
    let log = |error: anyhow::Error| {
        hook_log::append(&state, "sisyphus-run", &format!("{error:#}"));
    };
    let (plan, handoff, identity) = match claimed(&state, &string) {
        Ok(claimed) => claimed,
        Err(error) => {
            log(error);
            return give_way(&plan_without_claim(&string));
        }
    };
    // A keeper has other ancestors.
    let above = runners_above().first().copied();
    let keeper = match role(&state, &handoff, &identity) {
        Ok(None) => None,
        Ok(Some(Role::Keeper(keeper))) => Some(keeper),
        Ok(Some(Role::StandIn(StandIn::Exit(code)))) => return code,
        Ok(Some(Role::StandIn(StandIn::GiveWay))) => return give_way(&plan),
        // The command runs as one that ends with its session.
        Err(error) => {
            log(error);
            None
        }
    };
    let attended = attend(&state, &plan, &string, &handoff, identity, above, keeper.as_ref());
    let attended = attended.unwrap_or_else(|error| {
        log(error);
        Attended::GiveWay
    });
    match (attended, keeper) {
        (Attended::Ended(exit), None) => ExitCode::from(exit_as(exit)),
        (Attended::GiveWay, None) => give_way(&plan),
        (Attended::Ended(exit), Some(keeper)) => {
            keeper.ended(exit);
            ExitCode::SUCCESS
        }
        (Attended::GiveWay, Some(keeper)) => {
            keeper.give_way();
            ExitCode::SUCCESS
        }
    }
}

/// Leaves Claude Code's process tree if the user wants to keep the command. `None` if the runner stays.
fn role(state: &StateDir, handoff: &Handoff, identity: &Identity) -> Result<Option<Role>> {
    let is_kept = handoff.announcement.call.survival == Survival::Kept;
    if !is_kept || handoff.confinement == Confinement::Sandboxed {
        return Ok(None);
    }
    keep(state, handoff, identity, client()).map(Some)
}

/// Supervises the command from the queue to its exit.
///
/// # Errors
/// The command was not started.
fn attend(
    state: &StateDir,
    plan: &Plan,
    string: &OsStr,
    handoff: &Handoff,
    identity: Identity,
    above: Option<Supervises>,
    keeper: Option<&Keeper>,
) -> Result<Attended> {
    let (client_tmp, client_id) = (identity.client_tmp.clone(), identity.client_id.clone());
    let mut record = Record::open(handoff, identity, state)?;
    let mut signals = match Signals::collect() {
        Ok(signals) => signals,
        Err(error) => {
            record.give_up();
            return Err(error);
        }
    };
    let came = Start::now();
    let folder = folder();
    let ticket = handoff.announcement.ticket;
    let asked = Asked { ticket, id: &client_id, folder: folder.as_deref() };
    let call = &handoff.announcement.call;
    let queues = Queues {
        kind: call.kind,
        group: call.group.as_deref(),
        above,
        client_tmp: &client_tmp,
        state,
        confinement: handoff.confinement,
    };
    let turn = queues.wait(asked, &record, &mut signals);
    let mut admission = match turn {
        Ok(Turn::Start(admission)) => admission,
        Ok(Turn::Stopped(signal)) => {
            record.end(came.instant.elapsed(), End::unstarted(signal), Survivors::default());
            return Ok(Attended::Ended(Exit::Signal(signal)));
        }
        // Without a queue the command starts at once, as it would without this plugin.
        Err(error) => {
            hook_log::append(state, "sisyphus-run", &format!("{error:#}"));
            Admitted::default()
        }
    };
    let waited = came.instant.elapsed();
    let confirmation = |record: &Record<'_>| match keeper {
        Some(keeper) if keeper.is_stopped() => Confirmation::AskedToStop,
        Some(_) | None => record.confirmation_of(),
    };
    // A stop request may have come together with the slot: then the command must not start.
    let asked = admission.is_late() && confirmation(&record) == Confirmation::AskedToStop;
    let stop = signals.pending().ok().flatten().or(asked.then_some(SIGTERM));
    if let Some(signal) = stop {
        record.end(waited, End::unstarted(signal), Survivors::default());
        return Ok(Attended::Ended(Exit::Signal(signal)));
    }
    let task = &handoff.announcement.task;
    let mut memory = Memory::prepare(call.memory_limit_mb, task, handoff.confinement);
    let start = Start::now();
    let mut child = match spawn(plan, memory.group()) {
        Ok(child) => child,
        Err(error) => {
            memory.end(record.run());
            record.give_up();
            return Err(error);
        }
    };
    // From here on the command runs. A failure below costs its record and nothing else.
    admission.started();
    record.started(start);
    memory.started(record.run());
    record.look_at_options(string);
    let reach = Reach::Group(pid_of(&child));
    let counters = memory.counters();
    let mut end = supervise(&mut child, reach, &mut signals, start, &counters, || {
        let confirmation = confirmation(&record);
        // A foreground command with the same text runs as without it.
        if matches!(confirmation, Confirmation::Background { .. }) {
            memory.enforce(record.run());
        }
        confirmation
    });
    if let Some(keeper) = keeper {
        end.stop = keeper.stop(end.stop, record.run());
    }
    // The slot is free before the bookkeeping, so that the next command can start.
    drop(admission);
    let survivors = left_behind(pid_of(&child));
    memory.end(record.run());
    record.end(waited, end, survivors);
    Ok(Attended::Ended(end.shown()))
}

fn claimed(state: &StateDir, string: &OsStr) -> Result<(Plan, Handoff, Identity)> {
    let identity =
        Identity::own().context("standard output is not an output file of Claude Code")?;
    let handoff = Handoff::take(state, &identity.client_tmp, &own_key()?)?;
    let plan = Plan {
        program: handoff.program.clone().into(),
        arg0: handoff.arg0.clone(),
        args: vec!["-c".into(), string.to_owned()],
        environment: handoff.restore.clone(),
    };
    Ok((plan, handoff, identity))
}

/// Without a handoff the shell's own program is unknown, because bash and zsh name themselves in no exported variable.
/// So `SHELL` decides, as it does for Claude Code.
fn plan_without_claim(string: &OsStr) -> Plan {
    let program = Environment::read().command_shell();
    Plan {
        arg0: program.clone().into(),
        program,
        args: vec!["-c".into(), string.to_owned()],
        environment: Vec::new(),
    }
}

/// Becomes the command, unsupervised.
fn give_way(plan: &Plan) -> ExitCode {
    let _ = exec(plan);
    // A shell's exit code for a command that can't be executed.
    ExitCode::from(126)
}

/// The folder of the command: that of the shell that the runner replaced.
#[expect(clippy::disallowed_methods, reason = "the folder comes with the process")]
fn folder() -> Option<PathBuf> {
    std::env::current_dir().ok()
}

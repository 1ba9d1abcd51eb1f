//! Updates the records from runs and from Claude Code's processes. Every process that commits uses this code.

mod findings;
mod world;

use chrono::{DateTime, Utc};
use sisyphus_base::clock::Now;
use sisyphus_base::paths::{StateDir, create_dir};
use sisyphus_base::sys;
use sisyphus_tasks::call::Confinement;
use sisyphus_tasks::classify_exit::{classify_exit, unseen_end};
use sisyphus_tasks::classify_session::classify_session;
use sisyphus_tasks::kept_output::KeptOutput;
use sisyphus_tasks::outcome::{Canceller, LostReason, Outcome};
use sisyphus_tasks::run::RunResult;
use sisyphus_tasks::source::Source;
use sisyphus_tasks::status::{Ending, Status};
use sisyphus_tasks::task::{Event, Task};
use sisyphus_tasks::usage::Usage;

use crate::active::Active;
use crate::completion::is_client_file;
use crate::output::{adopt, clients_file, keep_observed, kept_by_0_1};
use crate::run::{Run, memory_limit};
use findings::Finding;
pub(crate) use findings::Findings;
pub use world::{Scope, World};

/// Updates the records from the runs. `found` is what was seen before the lock was acquired. Returns the runs that are
/// over: the caller removes them after it has written the records.
pub(crate) fn reconcile(
    active: &mut Active,
    state: &StateDir,
    world: &World<'_>,
    found: Option<Findings>,
    now: Now,
) -> Vec<Run> {
    let mut findings = found.unwrap_or_default();
    findings.look_at_new(active, state, world);
    let mut over = Vec::new();
    for (id, finding) in findings.found {
        let Some(task) = active.task_mut(&id) else { continue };
        let mut since = now.tick;
        let event = match finding {
            Finding::Queued { at } => Event::Claimed { at },
            Finding::Started { at } => Event::Started { at },
            Finding::Observed => Event::Observed { at: now.at },
            Finding::Ended { result, run } => {
                task.memory_limit = memory_limit(task, state);
                take_report(task, &run, state);
                task.output = take_output(task, &result, &run, state).or(task.output.take());
                let ending = ending(task, &result, run.confinement());
                since = result.ended.map_or(since, |ended| ended.min(since));
                over.push(run);
                Event::Ended(ending)
            }
            Finding::Over { why, run } => {
                if let Some(run) = &run {
                    task.memory_limit = memory_limit(task, state);
                    take_report(task, run, state);
                    take_answer(task, run, state);
                }
                if why == LostReason::SessionEnded {
                    task.output = keep_orphans_output(task, state, world);
                }
                over.extend(run);
                Event::Ended(over_end(task, why, now.at))
            }
        };
        task.apply(event, since);
    }
    over
}

/// An end that nothing saw. For a call without a runner, nothing saw that it was stopped with its session either.
fn over_end(task: &Task, why: LostReason, at: DateTime<Utc>) -> Ending {
    let by_session = task.stop_request.is_some_and(|asked| asked.by == Canceller::SessionEnd);
    if by_session && matches!(task.status(), Status::Pending { .. }) {
        return Ending::unseen(Outcome::Lost { why }, at);
    }
    unseen_end(task, why, at)
}

fn ending(task: &Task, result: &RunResult, confinement: Confinement) -> Ending {
    Ending {
        outcome: match &task.delegated {
            Some(session) => {
                let report = session.report.clone().unwrap_or_default();
                classify_session(task, result, &report)
            }
            None => classify_exit(task, result),
        },
        reported_by: match confinement {
            Confinement::Outside => Source::Runner,
            Confinement::Sandboxed => Source::SandboxedRunner,
        },
        started_at: result.started_at,
        ended_at: result.ended_at,
        duration_ms: result.started_at.map(|_| result.duration_ms),
        waited_ms: Some(result.waited_ms),
        survivors: result.survivors.clone(),
        options: result.options,
        usage: result.usage.and_then(Usage::if_possible),
        // A claim about the kernel, which a sandboxed command can invent.
        oom_kill: result.oom_kill.filter(|_| confinement == Confinement::Outside),
    }
}

/// Takes the last report of a session, and moves what its Claude Code printed to its final place.
fn take_report(task: &mut Task, run: &Run, state: &StateDir) {
    let Some(session) = &mut task.delegated else { return };
    session.report = run.read_report().or(session.report.take());
    // Best effort: the answer is kept apart.
    if create_dir(&state.output_dir()).is_ok() {
        let _ = std::fs::rename(run.stream(), state.stream(&task.id));
    }
}

/// Takes the last answer of a session, or the output of a person's command, if the runner was killed.
fn take_answer(task: &mut Task, run: &Run, state: &StateDir) {
    let Ok(answer) = run.output().metadata() else { return };
    if !task.is_started_by_us() || create_dir(&state.output_dir()).is_err() {
        return;
    }
    if std::fs::rename(run.output(), state.output(&task.id)).is_ok() {
        task.output = Some(KeptOutput { bytes: answer.len(), dropped: 0, client_file: None });
    }
}

/// Moves the output that the runner kept to its final place.
fn take_output(task: &Task, result: &RunResult, run: &Run, state: &StateDir) -> Option<KeptOutput> {
    let target = state.output(&task.id);
    // Best effort: without a copy, readers use Claude Code's file while it exists.
    if !target.exists() && create_dir(&state.output_dir()).is_ok() {
        match run.confinement() {
            Confinement::Outside => drop(std::fs::rename(run.output(), &target)),
            Confinement::Sandboxed => {
                let kept = kept_by_0_1(state, task);
                let kept = kept.or_else(|| sys::open_own_file(&run.output()).ok());
                if let Some(mut kept) = kept {
                    let _ = adopt(&mut kept, &target);
                }
            }
        }
    }
    let client_tmp = task.client_tmp.as_deref();
    let is_its = |path: &&std::path::PathBuf| {
        let names = task.client_id().zip(client_tmp);
        names.is_some_and(|(id, tmp)| is_client_file(path, task.started_in(), id, tmp))
    };
    let client_file = result.client_file.as_ref().filter(is_its).cloned();
    let size = result.output?;
    let dropped = if target.exists() { size.dropped } else { size.bytes };
    Some(KeptOutput { bytes: size.bytes, dropped, client_file })
}

/// Keeps the output so far of a command whose Claude Code is gone. Claude Code's own file vanishes with the temporary
/// folder.
fn keep_orphans_output(task: &Task, state: &StateDir, world: &World<'_>) -> Option<KeptOutput> {
    let mut file = clients_file(task, world.client_tmp)?;
    create_dir(&state.output_dir()).ok()?;
    keep_observed(&mut file, &state.output(&task.id)).ok()
}

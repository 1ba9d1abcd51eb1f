//! Updates the records from runs and from Claude Code's processes. Every process that commits uses this code.

use std::cell::OnceCell;
use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use chrono::{DateTime, Utc};
use sisyphus_base::clock::{Now, Tick};
use sisyphus_base::id::TaskId;
use sisyphus_base::machine::{Machine, Reach};
use sisyphus_base::paths::{StateDir, create_dir};
use sisyphus_base::process_ref::ProcessRef;
use sisyphus_base::sys;
use sisyphus_tasks::call::Confinement;
use sisyphus_tasks::classify_exit::{classify_exit, unseen_end};
use sisyphus_tasks::classify_session::classify_session;
use sisyphus_tasks::kept_output::KeptOutput;
use sisyphus_tasks::outcome::{Canceller, LostReason, Outcome};
use sisyphus_tasks::run::{RunResult, RunState};
use sisyphus_tasks::source::Source;
use sisyphus_tasks::status::{Ending, Status, Watch};
use sisyphus_tasks::task::{Event, Kind, StopProgress, Task};
use sisyphus_tasks::usage::Usage;

use crate::active::Active;
use crate::completion::is_client_file;
use crate::output::{adopt, clients_file, keep_observed, kept_by_0_1};
use crate::run::{Run, memory_limit};

/// How long a call that Claude Code has started may stay without a runner before it counts as observed. Its shell runs,
/// so a runner would have attached within milliseconds.
const ATTACH_WAIT: Duration = Duration::from_secs(5);

/// What this process knows about Claude Code's processes and files.
#[derive(Debug, Clone, Copy)]
pub struct World<'a> {
    /// Whether a process is known to have exited.
    pub is_gone: fn(&ProcessRef) -> bool,
    /// Where Claude Code keeps its files, for a task that does not say.
    pub client_tmp: &'a Path,
    pub scope: Scope,
}

/// Which runs are probed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    All,
    /// Runs with a result: for a runner, which knows that there is one. Probing hundreds of others costs far more.
    Ended,
}

/// What is new, as seen without the lock.
#[derive(Debug, Default)]
pub(crate) struct Findings {
    looked_at: BTreeSet<TaskId>,
    found: Vec<(TaskId, Finding)>,
}

#[derive(Debug)]
enum Finding {
    Queued {
        at: DateTime<Utc>,
    },
    Started {
        at: DateTime<Utc>,
    },
    /// Its shell apparently runs without a runner.
    Observed,
    Ended {
        result: Box<RunResult>,
        run: Run,
    },
    /// It is over, and nothing saw how it finished.
    Over {
        why: LostReason,
        run: Option<Run>,
    },
}

impl Finding {
    fn folder_gone() -> Self {
        Self::Over { why: LostReason::RunFolderGone, run: None }
    }
}

impl Findings {
    /// Probes each task's run.
    pub(crate) fn gather(active: &Active, state: &StateDir, world: &World<'_>) -> Self {
        let mut findings = Self::default();
        findings.look_at_new(active, state, world);
        findings
    }

    /// Probes the runs that were not probed yet, and those of pending calls again.
    fn look_at_new(&mut self, active: &Active, state: &StateDir, world: &World<'_>) {
        let look = Look { state, world, now: Tick::now(), here: OnceCell::new() };
        for task in &active.tasks {
            let is_new = self.looked_at.insert(task.id.clone());
            // An event since the first probe may explain why a call has no run.
            let is_pending = matches!(task.status(), Status::Pending { .. });
            if !is_new && !is_pending {
                continue;
            }
            self.found.retain(|(id, _)| is_new || id != &task.id);
            if let Some(finding) = look.at(task) {
                self.found.push((task.id.clone(), finding));
            }
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.found.is_empty()
    }
}

struct Look<'a> {
    state: &'a StateDir,
    world: &'a World<'a>,
    now: Tick,
    /// Read only if a task seems to be over: it costs three files.
    here: OnceCell<Option<Machine>>,
}

impl Look<'_> {
    fn at(&self, task: &Task) -> Option<Finding> {
        if task.kind == Kind::Agent {
            return None;
        }
        if task.is_started_by_us() && !task.status().is_final() {
            return self.of_ours(task);
        }
        if self.world.scope == Scope::Ended {
            return self.late_result(task);
        }
        match task.status() {
            // The result of a runner may arrive late, and is better than the report of another source.
            Status::Finished(ending) if ending.reported_by == Source::Runner => None,
            Status::Finished(_) => self.late_result(task),
            Status::Running { watch: Watch::Observed, .. } => {
                self.late_result(task).or_else(|| self.orphan(task))
            }
            Status::Running { watch: Watch::Supervised, .. }
            | Status::Queued { .. }
            | Status::Pending { .. } => match Run::of(task, self.state) {
                Some(run) => self.of_runner(task, run),
                // The run folder of a task of 0.1.0 is gone.
                None => task.old_run.as_ref().map(|_| Finding::folder_gone()),
            },
        }
    }

    /// The finding for a task that a runner has, or will have.
    fn of_runner(&self, task: &Task, run: Run) -> Option<Finding> {
        // Hundreds may wait, and each hook looks at all of them. So it looks only at what can be new.
        match task.status() {
            Status::Running { .. } if run.is_alive() => return None,
            Status::Running { .. } => return self.gone(task, run),
            Status::Queued { .. } if run.is_ours() && run.is_alive() => {
                return run.read_started().map(|started| Finding::Started { at: started.at });
            }
            Status::Queued { .. } | Status::Pending { .. } | Status::Finished(_) => {}
        }
        let is_pending = matches!(task.status(), Status::Pending { .. });
        match run.probe() {
            RunState::Missing if is_pending => self.unattached(task),
            RunState::Attached => None,
            RunState::Queued(queued) => is_pending.then_some(Finding::Queued { at: queued.at }),
            RunState::Started(started) => Some(Finding::Started { at: started.at }),
            // Any sandboxed command can plant this before the runner attaches, and the runner may be outside the
            // sandbox.
            RunState::Gone if is_pending && self.may_attach(task, &run) => None,
            RunState::Ended(_) | RunState::Gone | RunState::Missing => self.gone(task, run),
        }
    }

    /// The finding for a task that a process of ours started. Its runner takes the lock before it makes the record, so an
    /// open lock means that it is over. Nothing ever starts it again.
    fn of_ours(&self, task: &Task) -> Option<Finding> {
        let run = Run::of(task, self.state)?;
        if matches!(task.status(), Status::Running { .. }) && run.is_alive() {
            return None;
        }
        match run.probe() {
            RunState::Attached => None,
            RunState::Queued(queued) => {
                let is_pending = matches!(task.status(), Status::Pending { .. });
                is_pending.then_some(Finding::Queued { at: queued.at })
            }
            RunState::Started(started) => Some(Finding::Started { at: started.at }),
            RunState::Ended(result) => Some(Finding::Ended { result, run }),
            RunState::Missing | RunState::Gone if self.reach(task) == Reach::Elsewhere => None,
            RunState::Missing => Some(Finding::folder_gone()),
            RunState::Gone => Some(Finding::Over { why: LostReason::RunnerDied, run: Some(run) }),
        }
    }

    /// The finding for a call whose shell no runner replaced.
    fn unattached(&self, task: &Task) -> Option<Finding> {
        let is_stopped = task.stop_request.is_some_and(|asked| {
            asked.progress == StopProgress::Done || asked.by == Canceller::SessionEnd
        });
        if is_stopped {
            return Some(Finding::Over { why: LostReason::SessionEnded, run: None });
        }
        (Tick(task.ticket.0).age(self.now) > ATTACH_WAIT).then_some(Finding::Observed)
    }

    /// Whether the runner of a sandboxed call may still attach.
    fn may_attach(&self, task: &Task, run: &Run) -> bool {
        run.confinement() == Confinement::Sandboxed
            && Tick(task.ticket.0).age(self.now) <= ATTACH_WAIT
    }

    fn late_result(&self, task: &Task) -> Option<Finding> {
        let run = Run::of(task, self.state)?;
        if !run.result().exists() {
            return None;
        }
        let RunState::Ended(result) = run.probe() else { return None };
        Some(Finding::Ended { result, run })
    }

    /// The finding for a run whose lock is free or that is missing.
    fn gone(&self, task: &Task, run: Run) -> Option<Finding> {
        match run.probe() {
            RunState::Ended(result) => Some(Finding::Ended { result, run }),
            // Another machine's locks can't be seen from here.
            _ if self.reach(task) == Reach::Elsewhere => None,
            RunState::Missing => {
                let client = task.client.as_ref().and_then(|client| client.process.as_ref());
                let lives = self.reach(task) == Reach::Here
                    && client.is_some_and(|client| !(self.world.is_gone)(client));
                // Only our folder is missing: Claude Code will report the end.
                Some(if lives { Finding::Observed } else { Finding::folder_gone() })
            }
            RunState::Gone => Some(Finding::Over { why: LostReason::RunnerDied, run: Some(run) }),
            RunState::Attached | RunState::Queued(_) | RunState::Started(_) => None,
        }
    }

    /// The finding for an observed command whose Claude Code is gone. It may run on, and nothing will ever report its
    /// end.
    fn orphan(&self, task: &Task) -> Option<Finding> {
        let client = task.client.as_ref()?.process.as_ref()?;
        let is_gone = match self.reach(task) {
            Reach::Here => (self.world.is_gone)(client),
            Reach::Restarted => true,
            Reach::Elsewhere => false,
        };
        is_gone.then_some(Finding::Over { why: LostReason::SessionEnded, run: None })
    }

    /// Whether the task's machine is in reach. A task that names none runs on this one.
    fn reach(&self, task: &Task) -> Reach {
        let here = self.here.get_or_init(Machine::here);
        task.machine.as_ref().map_or(Reach::Here, |machine| machine.reach(here.as_ref()))
    }
}

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

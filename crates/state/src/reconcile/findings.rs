//! Looks at runs and at Claude Code's processes, without the lock.

use std::cell::OnceCell;
use std::collections::BTreeSet;
use std::time::Duration;

use chrono::{DateTime, Utc};
use sisyphus_base::clock::Tick;
use sisyphus_base::id::TaskId;
use sisyphus_base::machine::{Machine, Reach};
use sisyphus_base::paths::StateDir;
use sisyphus_tasks::call::Confinement;
use sisyphus_tasks::outcome::{Canceller, LostReason};
use sisyphus_tasks::run::{RunResult, RunState};
use sisyphus_tasks::source::Source;
use sisyphus_tasks::status::{Status, Watch};
use sisyphus_tasks::task::{Kind, StopProgress, Task};

use super::world::{Scope, World};
use crate::active::Active;
use crate::run::Run;

/// How long a call that Claude Code has started may stay without a runner before it counts as observed. Its shell runs,
/// so a runner would have attached within milliseconds.
const ATTACH_WAIT: Duration = Duration::from_secs(5);

/// What is new, as seen without the lock.
#[derive(Debug, Default)]
pub(crate) struct Findings {
    looked_at: BTreeSet<TaskId>,
    pub(super) found: Vec<(TaskId, Finding)>,
}

#[derive(Debug)]
pub(super) enum Finding {
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
    fn started(run: &Run) -> Option<Self> {
        run.read_started().map(|started| Self::Started { at: started.at })
    }

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
    pub(super) fn look_at_new(&mut self, active: &Active, state: &StateDir, world: &World<'_>) {
        let look = Look { state, world, now: Tick::now(), here: OnceCell::new() };
        for task in &active.tasks {
            let is_new = self.looked_at.insert(task.id.clone());
            // An event since the first probe may explain why a call has no run.
            let is_pending = matches!(task.status(), Status::Pending { .. });
            if !is_new && !is_pending {
                continue;
            }
            self.found.retain(|(id, _)| is_new || id != &task.id);
            self.found.extend(look.at(task).map(|finding| (task.id.clone(), finding)));
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
                return Finding::started(&run);
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
        // As in `of_runner`.
        match task.status() {
            Status::Running { .. } if run.is_alive() => return None,
            Status::Queued { .. } if run.is_ours() && run.is_alive() => {
                return Finding::started(&run);
            }
            Status::Running { .. }
            | Status::Queued { .. }
            | Status::Pending { .. }
            | Status::Finished(_) => {}
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

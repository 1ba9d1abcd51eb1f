//! Stops the processes of one task, and checks that they are gone.
//!
//! A runner stops its task by itself when it gets the signal: TERM to the whole tree, 5 seconds, KILL. So this signals
//! the runner first, and kills only what it leaves.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use sisyphus_base::paths::StateDir;
use sisyphus_process::{
    Holder, PidNamespace, ProcessId, SIGKILL, SIGTERM, alive, descendants, holder, is_runner,
    resume, signal_all, started_by,
};
use sisyphus_state::run::Run;
use sisyphus_state::store::is_held;
use sisyphus_tasks::task::Task;

/// How long a command has after TERM. Its runner gives it the same time.
const GRACE: Duration = Duration::from_secs(5);

/// The processes of a task that is being stopped.
#[derive(Debug)]
pub(crate) struct Stop {
    lock: PathBuf,
    /// The end of the path of Claude Code's output file, which the runner of a command writes to. `None` for a session.
    output: Option<PathBuf>,
    runner: Runner,
    /// All processes that the runner has started.
    tree: BTreeSet<ProcessId>,
}

/// The state of the process that supervises the task.
#[derive(Debug)]
enum Runner {
    /// No process holds the task's lock: the runner has exited, or is about to start.
    Unseen,
    /// It was signaled.
    Told { process: ProcessId, numbers: PidNamespace, at: Instant },
    /// The holder of the lock is unknown, or is not the runner: nothing was signaled.
    Doubtful(String),
}

impl Stop {
    /// Prepares to stop a task that Claude Code has named.
    pub(crate) fn of(task: &Task, state: &StateDir) -> Result<Self> {
        let run = Run::of(task, state).context("Claude Code has not named the task yet")?;
        let of_command =
            |id| Path::new(task.started_in().as_str()).join("tasks").join(format!("{id}.output"));
        Ok(Self {
            lock: run.lock(),
            output: task.client_id().map(of_command),
            runner: Runner::Unseen,
            tree: BTreeSet::new(),
        })
    }

    /// Signals the runner once, if there is one. After that it kills what the runner leaves.
    pub(crate) fn advance(&mut self) {
        match &self.runner {
            Runner::Unseen => self.tell(),
            Runner::Told { .. } if self.is_left_to_us() => self.kill_tree(),
            Runner::Told { .. } => self.grow(),
            Runner::Doubtful(_) => {}
        }
    }

    /// Whether no other process will kill what is left.
    fn is_left_to_us(&self) -> bool {
        match self.runner {
            Runner::Told { process, numbers, at } => {
                let does_it_itself = numbers == PidNamespace::Ours && process.is_alive();
                at.elapsed() >= GRACE && !does_it_itself
            }
            Runner::Unseen | Runner::Doubtful(_) => false,
        }
    }

    fn tell(&mut self) {
        let holder = match holder(&self.lock) {
            Ok(Some(holder)) => holder,
            Ok(None) => return,
            Err(error) => {
                self.runner = Runner::Doubtful(format!("{error:#}"));
                return;
            }
        };
        let Holder { process, numbers, .. } = holder;
        if !self.is_runner(&holder) {
            let reason = format!("its lock is held by process {}, not by its runner", process.pid);
            self.runner = Runner::Doubtful(reason);
            return;
        }
        self.runner = Runner::Told { process, numbers, at: Instant::now() };
        self.grow();
        signal_all(&[process], SIGTERM);
        // After the TERM, so that a suspended runner gets that first.
        resume(process);
        match numbers {
            PidNamespace::Ours => {}
            // The runner takes this signal as one from Claude Code, which signals every process of the tree by itself.
            PidNamespace::ItsOwn => signal_all(&self.tree, SIGTERM),
        }
    }

    /// Whether the holder of the lock is the task's runner. A sandboxed command can replace the lock file by one that
    /// another process holds, such as another task's runner. But it can't choose what that process executes and writes
    /// to. It can't replace the lock file of a session.
    fn is_runner(&self, holder: &Holder) -> bool {
        // The kernel appends this to the path of a removed file.
        let output = holder.output.to_string_lossy();
        let output = Path::new(output.strip_suffix(" (deleted)").unwrap_or(&output));
        let is_its = self.output.as_ref().is_none_or(|expected| output.ends_with(expected));
        is_runner(&holder.program) && is_its
    }

    /// Adds to the tree what was started since the last call, by any of its processes.
    fn grow(&mut self) {
        self.tree.extend(self.supervisor().into_iter().flat_map(started_by));
        let parents: Vec<i32> = alive(&self.tree).iter().map(|process| process.pid).collect();
        self.tree.extend(descendants(&parents));
    }

    /// The runner, if it was signaled.
    fn supervisor(&self) -> Option<ProcessId> {
        match self.runner {
            Runner::Told { process, .. } => Some(process),
            Runner::Unseen | Runner::Doubtful(_) => None,
        }
    }

    /// Whether no process of the task runs any more.
    pub(crate) fn is_over(&self) -> bool {
        // An error counts as held: only an open lock proves that no process has it.
        self.left().is_empty() && !is_held(&self.lock).unwrap_or(true)
    }

    /// Whether waiting can't help any more.
    pub(crate) fn is_hopeless(&self) -> bool {
        matches!(self.runner, Runner::Doubtful(_))
    }

    fn left(&self) -> Vec<ProcessId> {
        alive(self.tree.iter().chain(&self.supervisor()))
    }

    /// Kills what the runner has started and not stopped. Then the runner may exit by itself, and record the result.
    pub(crate) fn kill_tree(&mut self) {
        self.grow();
        signal_all(&self.tree, SIGKILL);
    }

    /// Kills all that is left, and the runner last: its death takes the command's shell with it.
    pub(crate) fn kill_all(&mut self) {
        self.kill_tree();
        signal_all(&self.supervisor(), SIGKILL);
    }

    /// Why the task still runs.
    pub(crate) fn problem(&self) -> String {
        let left: Vec<String> = self.left().iter().map(|process| process.pid.to_string()).collect();
        match (&self.runner, left.as_slice()) {
            (Runner::Doubtful(reason), _) => format!("nothing was signaled: {reason}"),
            (_, [one]) => format!("process {one} still runs"),
            (_, [_, ..]) => format!("processes {} still run", left.join(", ")),
            (_, []) if is_held(&self.lock).unwrap_or(true) => {
                "its lock is held by a process that can't be seen".to_owned()
            }
            (Runner::Told { .. }, []) => "its result could not be recorded".to_owned(),
            (Runner::Unseen, []) => "none of its processes was found".to_owned(),
        }
    }
}

//! Stopping the processes of one task, and seeing that they are gone.
//!
//! The runner does it by itself once it is told: TERM to the whole tree, 5 seconds, KILL. So it is asked first, and only
//! what it leaves is killed from here.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use sisyphus_base::paths::StateDir;
use sisyphus_process::{
    Holder, PidNamespace, ProcessId, alive, descendants, holder, resume, signal_all, started_by,
};
use sisyphus_state::run::Run;
use sisyphus_state::store::is_held;
use sisyphus_tasks::task::Task;

const SIGKILL: i32 = 9;
const SIGTERM: i32 = 15;

/// How long a command has after TERM, as it has from its runner.
const GRACE: Duration = Duration::from_secs(5);

/// How the names of all runners begin, whatever their version.
const RUNNER: &str = "sisyphus-run";

/// The processes of a task that is being stopped.
#[derive(Debug)]
pub(crate) struct Stop {
    lock: PathBuf,
    /// How the path of the client's output file ends.
    output: PathBuf,
    runner: Runner,
    /// Everything that the runner has started.
    tree: Vec<ProcessId>,
}

/// What is known of the process that supervises the task.
#[derive(Debug)]
enum Runner {
    /// Nobody holds the task's lock: it has ended, or is about to begin.
    Unseen,
    /// It was told to end.
    Told { process: ProcessId, numbers: PidNamespace, at: Instant },
    /// Who holds the lock can't be told, or is not the runner: nothing was signalled.
    Doubtful(String),
}

impl Stop {
    /// Makes ready to stop a task that the client has named.
    pub(crate) fn of(task: &Task, state: &StateDir) -> Result<Self> {
        let run = Run::of(task, state).context("Claude Code has not named it")?;
        let client_id = task.client_id().context("Claude Code has not named it")?;
        let output = Path::new(task.started_in().as_str()).join("tasks");
        Ok(Self {
            lock: run.lock(),
            output: output.join(format!("{client_id}.output")),
            runner: Runner::Unseen,
            tree: Vec::new(),
        })
    }

    /// Tells the runner to end, if it is there and has not been told, and then sees to what it leaves.
    pub(crate) fn advance(&mut self) {
        match &self.runner {
            Runner::Unseen => self.tell(),
            Runner::Told { .. } if self.is_left_to_us() => self.kill_tree(),
            Runner::Told { .. } => self.grow(),
            Runner::Doubtful(_) => {}
        }
    }

    /// Whether nobody else will kill what is left.
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
        // Behind the TERM, so that one that was suspended finds that first.
        resume(process);
        match numbers {
            PidNamespace::Ours => {}
            // It takes us for the client, which signals every process of the tree by itself.
            PidNamespace::ItsOwn => signal_all(&self.tree, SIGTERM),
        }
    }

    /// A sandboxed command can exchange the lock file for one that a stranger holds, or another task's runner. What a
    /// process executes and writes to it can't choose for them.
    fn is_runner(&self, holder: &Holder) -> bool {
        let name = holder.program.file_name().unwrap_or_default().to_string_lossy();
        // The kernel says so of a file that is not there any more.
        let output = holder.output.to_string_lossy();
        let output = Path::new(output.strip_suffix(" (deleted)").unwrap_or(&output));
        name.starts_with(RUNNER) && output.ends_with(&self.output)
    }

    /// Whoever was started since the last look is meant too, by whichever of them.
    fn grow(&mut self) {
        let mut found = match self.runner {
            Runner::Told { process, .. } => started_by(process),
            Runner::Unseen | Runner::Doubtful(_) => Vec::new(),
        };
        let parents: Vec<i32> = alive(&self.tree).iter().map(|process| process.pid).collect();
        found.extend(descendants(&parents));
        for process in found {
            if !self.tree.contains(&process) {
                self.tree.push(process);
            }
        }
    }

    /// Whether nothing of it runs any more.
    pub(crate) fn is_over(&self) -> bool {
        // An error counts as held: only an open lock proves that nobody has it.
        self.left().is_empty() && !is_held(&self.lock).unwrap_or(true)
    }

    /// Whether waiting may still help.
    pub(crate) fn is_hopeless(&self) -> bool {
        matches!(self.runner, Runner::Doubtful(_))
    }

    fn left(&self) -> Vec<ProcessId> {
        let runner = match self.runner {
            Runner::Told { process, .. } => Some(process),
            Runner::Unseen | Runner::Doubtful(_) => None,
        };
        alive(&self.tree.iter().copied().chain(runner).collect::<Vec<_>>())
    }

    /// Kills what the runner has started and not ended. The runner may then end by itself, and say how it went.
    pub(crate) fn kill_tree(&mut self) {
        self.grow();
        signal_all(&self.tree, SIGKILL);
    }

    /// Kills all that is left, the runner last: its death takes the command's shell with it.
    pub(crate) fn kill_all(&mut self) {
        self.kill_tree();
        if let Runner::Told { process, .. } = self.runner {
            signal_all(&[process], SIGKILL);
        }
    }

    /// Why it is not over.
    pub(crate) fn problem(&self) -> String {
        let left: Vec<String> = self.left().iter().map(|process| process.pid.to_string()).collect();
        match (&self.runner, left.as_slice()) {
            (Runner::Doubtful(reason), _) => format!("nothing was signalled: {reason}"),
            (_, [one]) => format!("process {one} still runs"),
            (_, [_, ..]) => format!("processes {} still run", left.join(", ")),
            (_, []) if is_held(&self.lock).unwrap_or(true) => {
                "its lock is held by a process that can't be seen".to_owned()
            }
            (Runner::Told { .. }, []) => "its end could not be recorded".to_owned(),
            (Runner::Unseen, []) => "no process of it was found".to_owned(),
        }
    }
}

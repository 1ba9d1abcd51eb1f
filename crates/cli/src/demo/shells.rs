//! The shells of the commands, started as Claude Code starts them, and stopped with all their processes.

use std::fs::{self, File};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use sisyphus_attach::execution_string::as_written;
use sisyphus_process::{
    ProcessId, SIGKILL, SIGTERM, alive, descendants, members, signal_all, spawn_bound,
};

use super::commands::Role;
use super::sandbox::Sandbox;

/// How long Claude Code waits between TERM and KILL.
const GRACE: Duration = Duration::from_secs(2);
/// The time between two looks at what still runs.
const LOOK: Duration = Duration::from_millis(20);

/// The started shells. They are stopped on drop.
#[derive(Debug, Default)]
pub(super) struct Shells {
    children: Vec<Child>,
}

impl Shells {
    /// Starts the shell of a command: the session's env file, then the command.
    pub(super) fn start(&mut self, sandbox: &Sandbox, role: &Role) -> Result<()> {
        let path = sandbox.output(role);
        let parent = path.parent().context("an output file has a folder")?;
        fs::create_dir_all(parent)
            .with_context(|| format!("could not create `{}`", parent.display()))?;
        let output = File::create(&path)
            .with_context(|| format!("could not create `{}`", path.display()))?;
        let string = format!(
            "true && {}: && eval {} < /dev/null && pwd -P >| /dev/null",
            sandbox.attached()?,
            as_written(&role.command())
        );
        let mut command = Command::new("bash");
        sandbox.apply(&mut command);
        command
            .args(["-c", &string])
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output);
        // Claude Code's shells lead a group too. It names what a shell started after its tree was looked at.
        self.children.push(spawn_bound(&mut command).context("could not start bash")?);
        Ok(())
    }

    /// How the shells ended, in the order of their start; `None` while one of them runs.
    pub(super) fn ends(&mut self) -> Result<Option<Vec<ExitStatus>>> {
        let ends = self.children.iter_mut().map(Child::try_wait).collect::<Result<_, _>>();
        ends.context("could not wait for the commands")
    }

    fn tree(&self) -> Vec<ProcessId> {
        let shells: Vec<i32> =
            self.children.iter().filter_map(|child| i32::try_from(child.id()).ok()).collect();
        let own = shells.iter().filter_map(|pid| ProcessId::now(*pid));
        own.chain(descendants(&shells)).collect()
    }

    fn is_over(&mut self, tree: &[ProcessId]) -> bool {
        matches!(self.ends(), Ok(Some(_))) && alive(tree).is_empty()
    }
}

impl Drop for Shells {
    /// Ends what still runs, as Claude Code does: TERM to the whole tree, then KILL after the grace period.
    fn drop(&mut self) {
        if matches!(self.ends(), Ok(Some(_))) {
            return;
        }
        let mut tree = self.tree();
        signal_all(&tree, SIGTERM);
        let deadline = Instant::now() + GRACE;
        loop {
            let is_over = self.is_over(&tree);
            // A shell may start a program between the look and its signal. The process group still names that program,
            // also when the shell has ended since.
            let groups: Vec<i32> = tree.iter().map(|process| process.pid).collect();
            let mut late = members(&groups);
            late.retain(|process| !tree.contains(process));
            signal_all(&late, SIGTERM);
            let is_quiet = is_over && late.is_empty();
            tree.extend(late);
            if is_quiet || Instant::now() > deadline {
                break;
            }
            #[expect(
                clippy::disallowed_methods,
                reason = "the processes that the commands have started are no children of ours"
            )]
            std::thread::sleep(LOOK);
        }
        signal_all(&tree, SIGKILL);
        for child in &mut self.children {
            let _ = child.wait();
        }
    }
}

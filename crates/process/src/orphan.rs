//! Starts the runner of a delegated session, and the Claude Code of one.

use std::ffi::OsString;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};

use anyhow::{Context as _, Result};

use crate::sys;

/// The variables that belong to one session of Claude Code (CC-75). One of them is a secret, and the others would let
/// what we start pass for a part of that session. What signs in or chooses the provider stays.
pub const PRIVATE_VARIABLES: [&str; 13] = [
    "AI_AGENT",
    "CLAUDECODE",
    "CLAUDE_CODE_CHILD_NOTES_DIR",
    "CLAUDE_CODE_ENTRYPOINT",
    "CLAUDE_CODE_LAUNCHED_BY_SESSION_IDS",
    "CLAUDE_CODE_MESSAGING_SOCKET",
    "CLAUDE_CODE_MESSAGING_TOKEN",
    "CLAUDE_CODE_SESSION_ACCESS_TOKEN",
    "CLAUDE_CODE_SESSION_ATTENDED",
    "CLAUDE_CODE_SESSION_ID",
    "CLAUDE_CODE_SSE_PORT",
    "CLAUDE_ENV_FILE",
    "CLAUDE_PID",
];

/// How the Claude Code of a session is started.
#[derive(Debug)]
pub struct SessionPlan {
    /// The program, and its script if it is an interpreter.
    pub program: Vec<PathBuf>,
    pub args: Vec<OsString>,
    pub folder: PathBuf,
    /// Standard input: the prompt.
    pub prompt: File,
    /// Standard error.
    pub errors: File,
}

/// Starts a program that outlives this process and everything that this process belongs to. Returns the pipe from its
/// standard output.
pub fn spawn_orphan(program: &Path, args: &[OsString]) -> Result<ChildStdout> {
    let mut command = Command::new(program);
    command.args(args);
    forget_session(&mut command);
    sys::orphan(&mut command).with_context(|| format!("could not start `{}`", program.display()))
}

/// Starts the Claude Code of a session. It dies with this process. Its standard output is a pipe.
pub fn spawn_session(plan: SessionPlan) -> Result<Child> {
    let (program, script) = plan.program.split_first().context("no Claude Code was found")?;
    let mut command = Command::new(program);
    command.args(script).args(&plan.args).current_dir(&plan.folder);
    command.stdin(plan.prompt).stdout(Stdio::piped()).stderr(plan.errors);
    forget_session(&mut command);
    sys::spawn_bound(&mut command)
        .with_context(|| format!("could not start `{}`", program.display()))
}

/// Takes the variables of the session away from what is started.
pub(crate) fn forget_session(command: &mut Command) {
    for name in PRIVATE_VARIABLES {
        command.env_remove(name);
    }
}

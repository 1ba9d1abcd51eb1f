//! The fake client of a scene: the parent of hooks and shells. The injector kills it as a user can kill Claude Code.
//!
//! It starts what its input requests, one request a line, and reports each exit. Its main thread starts everything,
//! because the kernel counts the end of the starting *thread* as the end of the parent.

use std::fs::File;
use std::io::{self, Write as _};
use std::path::PathBuf;
use std::process::{Child, Command, ExitCode, Stdio};
use std::sync::{Mutex, PoisonError};
use std::thread;

use anyhow::{Context as _, Result};
use serde::{Deserialize, Serialize};
use sisyphus_harness::sys::own_group;

use crate::sys::signal_of;

/// What to start.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Request {
    pub(super) id: u64,
    pub(crate) program: PathBuf,
    pub(crate) arguments: Vec<String>,
    pub(crate) environment: Vec<(String, String)>,
    pub(crate) folder: PathBuf,
    pub(crate) input: String,
    /// The file of its output; `None` if the output is to be reported.
    pub(crate) output: Option<PathBuf>,
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Report {
    Running { id: u64, process: u32 },
    Exited { id: u64, exit: Exit },
}

/// How a process ended, and what it printed.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Exit {
    pub(crate) code: Option<i32>,
    pub(crate) signal: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// Serves until its input ends.
pub(crate) fn serve() -> Result<ExitCode> {
    for line in io::stdin().lines() {
        let request: Request = serde_json::from_str(&line?)?;
        let id = request.id;
        match spawn(&request) {
            Ok(child) => {
                report(&Report::Running { id, process: child.id() });
                thread::spawn(move || {
                    report(&Report::Exited { id, exit: attend(child, &request) });
                });
            }
            Err(error) => {
                let exit = Exit { stderr: format!("{error:#}"), ..Exit::default() };
                report(&Report::Exited { id, exit });
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn spawn(request: &Request) -> Result<Child> {
    let mut command = Command::new(&request.program);
    command
        .args(&request.arguments)
        .env_clear()
        .envs(request.environment.iter().cloned())
        .current_dir(&request.folder);
    match &request.output {
        Some(path) => {
            let output = File::options().append(true).create(true).open(path);
            let output = output.with_context(|| format!("could not open `{}`", path.display()))?;
            command.stdin(Stdio::null()).stdout(output.try_clone()?).stderr(output);
        }
        None => {
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        }
    }
    own_group(&mut command);
    command.spawn().with_context(|| format!("could not start `{}`", request.program.display()))
}

fn attend(mut child: Child, request: &Request) -> Exit {
    if let Some(mut stdin) = child.stdin.take() {
        // A killed process no longer reads.
        let _ = stdin.write_all(request.input.as_bytes());
    }
    match child.wait_with_output() {
        Ok(output) => {
            let [stdout, stderr] = [output.stdout, output.stderr]
                .map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
            let (code, signal) = (output.status.code(), signal_of(output.status));
            Exit { code, signal, stdout, stderr }
        }
        Err(error) => Exit { stderr: error.to_string(), ..Exit::default() },
    }
}

fn report(report: &Report) {
    static LINES: Mutex<()> = Mutex::new(());
    let Ok(mut line) = serde_json::to_string(report) else { return };
    line.push('\n');
    let _whole = LINES.lock().unwrap_or_else(PoisonError::into_inner);
    // Without the harness no process reads the reports, and the input ends too.
    let _ = io::stdout().write_all(line.as_bytes());
}

//! The scratch home that the storm goes over, and how anything is started in it.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use crate::chaos::sys::signal_of;
use crate::e2e::sys;
use crate::repository;
use crate::stand_in::{Call, Session};

/// The signal that can't be caught.
const KILL: i32 = 9;

/// One home, its project and its temporary folder.
pub(super) struct Home {
    pub(super) folder: PathBuf,
    binaries: PathBuf,
}

/// What a process of ours said, and how it ended.
#[derive(Debug)]
pub(super) struct Answer {
    /// None if the storm killed it.
    pub(super) code: Option<i32>,
    pub(super) stdout: String,
    stderr: String,
}

impl Home {
    /// Makes an empty one for this seed.
    pub(super) fn create(binaries: &Path, seed: u64) -> Result<Self> {
        let folder = repository::target()?.join("chaos").join(format!("seed-{seed}"));
        let home = Self { folder, binaries: binaries.to_owned() };
        // Of a run that was killed itself.
        home.end_all();
        match fs::remove_dir_all(&home.folder) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(error)
                    .with_context(|| format!("could not remove `{}`", home.folder.display()));
            }
            _ => {}
        }
        for part in ["home", "project", "tmp"] {
            fs::create_dir_all(home.folder.join(part))?;
        }
        Ok(home)
    }

    pub(super) fn project(&self) -> PathBuf {
        self.folder.join("project")
    }

    /// The state folder.
    pub(super) fn state(&self) -> PathBuf {
        self.folder.join("home/.claude/plugins/data/sisyphus/state")
    }

    fn client_tmp(&self) -> PathBuf {
        self.folder.join("tmp").join(format!("claude-{}", sys::user_id()))
    }

    /// The per-user folder of the line.
    pub(super) fn runtime(&self) -> PathBuf {
        self.folder.join("runtime")
    }

    /// The root of the run folders.
    pub(super) fn runs(&self) -> PathBuf {
        self.client_tmp().join("sisyphus")
    }

    /// Every process that was started in this home.
    pub(super) fn processes(&self) -> Vec<u32> {
        sys::started_with(&self.variable())
    }

    /// Whether this process is one of them; asked right before it is sent a signal.
    pub(super) fn owns(&self, process: u32) -> bool {
        let environment = fs::read(format!("/proc/{process}/environ")).unwrap_or_default();
        environment.split(|byte| *byte == 0).any(|entry| entry == self.variable().as_bytes())
    }

    /// The variable that everything started in this home carries.
    fn variable(&self) -> String {
        format!("HOME={}", self.folder.join("home").display())
    }

    fn end_all(&self) {
        for process in self.processes() {
            sys::kill_process(process);
        }
    }

    /// Starts a session and attaches it.
    pub(super) fn session(&self, id: &str) -> Result<Session> {
        let env_file = self.folder.join(format!("env-{id}.sh"));
        let session = Session::new(id, &self.project(), &self.client_tmp(), env_file)?;
        self.start_session(&session, "startup")?;
        let attached = fs::metadata(&session.env_file).is_ok_and(|file| file.len() > 0);
        ensure!(attached, "the session `{id}` was not attached");
        Ok(session)
    }

    /// Fires SessionStart.
    pub(super) fn start_session(&self, session: &Session, source: &str) -> Result<Answer> {
        let mut hook = self.command("sisyphus-session-start");
        hook.env("CLAUDE_ENV_FILE", &session.env_file);
        silent(listen(hook, &session.start(source).to_string())?)
    }

    /// Fires a hook.
    pub(super) fn hook(&self, binary: &str, event: &Value) -> Result<Answer> {
        silent(listen(self.command(binary), &event.to_string())?)
    }

    /// Runs the command line. What it is asked for may not be possible.
    pub(super) fn sisyphus(&self, arguments: &[&str]) -> Result<Answer> {
        let mut command = self.command("sisyphus");
        command.args(arguments);
        listen(command, "")
    }

    /// Starts the shell of a call.
    pub(super) fn shell(&self, session: &Session, call: &Call, client_id: &str) -> Result<Child> {
        let mut shell = Command::new("/bin/bash");
        self.apply(&mut shell);
        let mut shell = session.shell(shell, &call.command, client_id)?;
        // Who interrupts us means us, and we end the shells.
        sys::own_group(&mut shell);
        shell.spawn().context("could not start a shell")
    }

    fn command(&self, binary: &str) -> Command {
        let mut command = Command::new(self.binaries.join(binary));
        self.apply(&mut command);
        sys::own_group(&mut command);
        command
    }

    fn apply(&self, command: &mut Command) {
        command
            .env_clear()
            .env("PATH", "/usr/local/bin:/usr/bin:/bin")
            .env("HOME", self.folder.join("home"))
            .env("CLAUDE_CODE_TMPDIR", self.folder.join("tmp"))
            .env("SISYPHUS_RUNTIME_DIR", self.runtime())
            .env("LANG", "C.UTF-8")
            .current_dir(self.project());
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        // Whatever happened: nothing of it stays.
        self.end_all();
    }
}

/// Runs a process of ours to its end.
fn listen(mut command: Command, input: &str) -> Result<Answer> {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().with_context(|| format!("could not start {command:?}"))?;
    if let Some(mut stdin) = child.stdin.take() {
        // One that was killed does not listen any more. The events are smaller than what a pipe holds.
        let _ = stdin.write_all(input.as_bytes());
    }
    let output = child.wait_with_output()?;
    let [stdout, stderr] =
        [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    // The storm knows one deadly signal; any other is a crash.
    let is_crash = signal_of(output.status).is_some_and(|signal| signal != KILL);
    ensure!(!is_crash, "{command:?} ended with {}: {stderr}", output.status);
    Ok(Answer { code: output.status.code(), stdout, stderr })
}

/// A hook that lives to its end succeeds, and says nothing that the client would show to the user.
fn silent(answer: Answer) -> Result<Answer> {
    let is_quiet = matches!(answer.code, None | Some(0)) && answer.stderr.is_empty();
    ensure!(is_quiet, "a hook ended with {:?}: {}", answer.code, answer.stderr);
    Ok(answer)
}

/// Whether somebody holds the exclusive lock of `path`. No file: nobody.
pub(super) fn is_held(path: &Path) -> bool {
    File::options()
        .write(true)
        .open(path)
        .is_ok_and(|file| matches!(file.try_lock_shared(), Err(fs::TryLockError::WouldBlock)))
}

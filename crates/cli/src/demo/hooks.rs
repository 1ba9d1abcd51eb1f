//! The installed hook binaries, called as Claude Code calls them.

use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, TryRecvError, channel};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;
use sisyphus_base::sys::INSTALLER;
use sisyphus_process::{Signals, wake_self};

use super::attention::pause_until;

/// How long a hook may take. Claude Code gives up after the same 15 s.
const PATIENCE: Duration = Duration::from_secs(15);

/// Finds `hooks/bin` of the plugin that this command belongs to, or the build folder that holds it.
pub(super) fn find() -> Result<PathBuf> {
    let own = std::env::current_exe()
        .and_then(|path| path.canonicalize())
        .context("could not find this command")?;
    let dir = own.parent().context("this command has no folder")?;
    let installed = dir.parent().map(|plugin| plugin.join("hooks/bin"));
    installed
        .into_iter()
        .chain([dir.to_owned()])
        .find(|dir| program(dir, "stop").exists())
        .with_context(|| format!("the hook binaries are not there: run {INSTALLER} again"))
}

/// Runs a hook with this event.
pub(super) fn run(mut command: Command, event: &Value, signals: &mut Signals) -> Result<Value> {
    let name = command.get_program().to_string_lossy().into_owned();
    let context = || format!("could not run `{name}`");
    command.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut hook = Guarded(command.spawn().with_context(context)?);
    let mut stdin = hook.0.stdin.take().with_context(context)?;
    // The exit status of a hook that ends without reading says more than this error.
    let _ = stdin.write_all(event.to_string().as_bytes());
    drop(stdin);
    let reply = read(hook.0.stdout.take().with_context(context)?);
    let deadline = Instant::now() + PATIENCE;
    let status = wait(&mut hook.0, signals, deadline).with_context(context)?;
    ensure!(status.success(), "`{name}` ended with {status}");
    let said = receive(&reply, signals, deadline).with_context(context)?;
    if said.is_empty() {
        return Ok(Value::Null);
    }
    serde_json::from_slice(&said).with_context(|| format!("`{name}` printed no JSON"))
}

pub(super) fn program(dir: &Path, name: &str) -> PathBuf {
    dir.join(format!("sisyphus-{name}{}", std::env::consts::EXE_SUFFIX))
}

fn wait(hook: &mut Child, signals: &mut Signals, deadline: Instant) -> Result<ExitStatus> {
    loop {
        if let Some(status) = hook.try_wait()? {
            return Ok(status);
        }
        ensure!(Instant::now() < deadline, "it has not ended within {PATIENCE:?}");
        pause_until(signals, deadline)?;
    }
}

/// Reads a reply on a thread of its own: a process that the hook left behind may hold the pipe open for ever.
fn read(mut stdout: ChildStdout) -> Receiver<io::Result<Vec<u8>>> {
    let (sender, reply) = channel();
    std::thread::spawn(move || {
        let mut said = Vec::new();
        let read = stdout.read_to_end(&mut said).map(|_| said);
        let _ = sender.send(read);
        wake_self();
    });
    reply
}

fn receive(
    reply: &Receiver<io::Result<Vec<u8>>>,
    signals: &mut Signals,
    deadline: Instant,
) -> Result<Vec<u8>> {
    loop {
        match reply.try_recv() {
            Ok(said) => return Ok(said?),
            Err(TryRecvError::Disconnected) => anyhow::bail!("its reply was not read"),
            Err(TryRecvError::Empty) => {}
        }
        ensure!(Instant::now() < deadline, "a process that it started holds its output open");
        pause_until(signals, deadline)?;
    }
}

/// A hook that is killed with the demonstration.
struct Guarded(Child);

impl Drop for Guarded {
    fn drop(&mut self) {
        // Does nothing to a process that was waited for already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

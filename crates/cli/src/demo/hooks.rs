//! The installed hook binaries, called as Claude Code calls them.

use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use serde_json::Value;
use sisyphus_base::sys::INSTALLER;
use sisyphus_process::Signals;

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
    let status = wait(&mut hook.0, signals).with_context(context)?;
    anyhow::ensure!(status.success(), "`{name}` ended with {status}");
    // The reply fits into the pipe: Claude Code takes no more than 10,000 characters.
    let mut said = Vec::new();
    hook.0.stdout.take().with_context(context)?.read_to_end(&mut said).with_context(context)?;
    if said.is_empty() {
        return Ok(Value::Null);
    }
    serde_json::from_slice(&said).with_context(|| format!("`{name}` printed no JSON"))
}

pub(super) fn program(dir: &Path, name: &str) -> PathBuf {
    dir.join(format!("sisyphus-{name}{}", std::env::consts::EXE_SUFFIX))
}

fn wait(hook: &mut Child, signals: &mut Signals) -> Result<ExitStatus> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(status) = hook.try_wait()? {
            return Ok(status);
        }
        anyhow::ensure!(Instant::now() < deadline, "it has not ended within {PATIENCE:?}");
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

//! The installed hook binaries, called as Claude Code calls them.

use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use serde_json::Value;

use super::attention::Attention;

/// How long a hook may take. Claude Code gives up after the same 15 s.
const PATIENCE: Duration = Duration::from_secs(15);

/// The folder of the binaries.
#[derive(Debug)]
pub(super) struct Hooks {
    dir: PathBuf,
}

impl Hooks {
    /// Finds `hooks/bin` of the plugin that this command belongs to, or the build folder that holds it.
    pub(super) fn find() -> Result<Self> {
        let own = std::env::current_exe()
            .and_then(|path| path.canonicalize())
            .context("could not find this command")?;
        let dir = own.parent().context("this command has no folder")?;
        let installed = dir.parent().map(|plugin| plugin.join("hooks/bin"));
        let dir = installed
            .into_iter()
            .chain([dir.to_owned()])
            .find(|dir| program(dir, "stop").exists())
            .context("the hook binaries are not there: run install.sh again")?;
        Ok(Self { dir })
    }

    /// Runs one with this event. `prepare` sets its environment.
    pub(super) fn run(
        &self,
        name: &str,
        event: &Value,
        prepare: impl FnOnce(&mut Command),
        attention: &mut Attention,
    ) -> Result<Value> {
        let path = program(&self.dir, name);
        let context = || format!("could not run `{}`", path.display());
        let mut command = Command::new(&path);
        prepare(&mut command);
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut hook = Guarded(command.spawn().with_context(context)?);
        let mut stdin = hook.0.stdin.take().with_context(context)?;
        // The exit status of a hook that ends without reading says more than this error.
        let _ = stdin.write_all(event.to_string().as_bytes());
        drop(stdin);
        let status = wait(&mut hook.0, attention).with_context(context)?;
        anyhow::ensure!(status.success(), "`{}` ended with {status}", path.display());
        // The reply fits into the pipe: Claude Code takes no more than 10,000 characters.
        let mut said = Vec::new();
        hook.0.stdout.take().with_context(context)?.read_to_end(&mut said).with_context(context)?;
        if said.is_empty() {
            return Ok(Value::Null);
        }
        serde_json::from_slice(&said)
            .with_context(|| format!("`{}` printed no JSON", path.display()))
    }
}

fn program(dir: &Path, name: &str) -> PathBuf {
    dir.join(format!("sisyphus-{name}{}", std::env::consts::EXE_SUFFIX))
}

fn wait(hook: &mut Child, attention: &mut Attention) -> Result<ExitStatus> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(status) = hook.try_wait()? {
            return Ok(status);
        }
        anyhow::ensure!(Instant::now() < deadline, "it has not ended within {PATIENCE:?}");
        attention.pause_until(deadline)?;
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

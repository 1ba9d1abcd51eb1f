//! Starts the runner of a task that a process of ours asks for, and waits until the runner has recorded the task.

use std::ffi::OsString;
use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::ChildStdout;
use std::sync::mpsc::channel;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use sisyphus_base::paths::StateDir;
use sisyphus_base::sys::INSTALLER;
use sisyphus_process::spawn_orphan;
use sisyphus_state::run::Run;

/// How long a runner has for its first line. It takes two locks and writes two files before.
const ANSWER_WAIT: Duration = Duration::from_secs(10);
/// Longest line of a runner that is read, in bytes.
const LINE_MAX: u64 = 4096;

/// Starts a runner that outlives this process. The request is in the run folder, which is removed if the runner does not
/// take it. `verb` is what the runner does.
pub(crate) fn start_runner(state: &StateDir, verb: &str, run: &Run) -> Result<()> {
    let runner = find_runner(state)?;
    let started = spawn_orphan(&runner, &[OsString::from(verb), absolute(run)?]);
    match started.map(first_line) {
        Ok(Some(line)) if line == "ok" => Ok(()),
        // A machine may be too busy for a line. The runner that holds the lock goes on.
        Ok(None) if run.is_attached() && run.is_alive() => Ok(()),
        Ok(line) => {
            run.remove();
            let said = line.as_deref().and_then(|line| line.strip_prefix("error: "));
            bail!("{}", said.unwrap_or("its runner did not start; run `sisyphus doctor`"));
        }
        Err(error) => {
            run.remove();
            Err(error)
        }
    }
}

/// The argument that names a run folder to its runner.
pub(crate) fn absolute(run: &Run) -> Result<OsString> {
    let folder = std::path::absolute(run.dir()).context("could not name the run folder")?;
    Ok(folder.into_os_string())
}

/// The first line of the runner; `None` if it ends or says nothing in time.
fn first_line(stdout: ChildStdout) -> Option<String> {
    let (sender, receiver) = channel();
    std::thread::spawn(move || {
        use std::io::Read as _;
        let mut line = String::new();
        let read = BufReader::new(stdout.take(LINE_MAX)).read_line(&mut line);
        let _ = sender.send(read.is_ok_and(|bytes| bytes > 0).then(|| line.trim_end().to_owned()));
    });
    receiver.recv_timeout(ANSWER_WAIT).ok().flatten()
}

/// The runner: in the state folder, where it survives an update of the plugin; beside this program; or where the hooks
/// are, seen from the command line.
pub(crate) fn find_runner(state: &StateDir) -> Result<PathBuf> {
    let name = format!("sisyphus-run{}", std::env::consts::EXE_SUFFIX);
    let own = std::env::current_exe().ok();
    let own_dir = own.as_deref().and_then(std::path::Path::parent);
    let beside = own_dir.map(|dir| dir.join(&name));
    let of_hooks =
        own_dir.and_then(std::path::Path::parent).map(|it| it.join("hooks/bin").join(&name));
    let places = [Some(state.runner()), beside, of_hooks];
    let found = places.into_iter().flatten().find(|path| path.is_file());
    found.with_context(|| format!("could not find `sisyphus-run`; run `{INSTALLER}` again"))
}

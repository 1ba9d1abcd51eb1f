//! Starts the runner of a session, and waits until the runner has recorded it.

use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::ChildStdout;
use std::sync::mpsc::channel;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use sisyphus_base::environment::Environment;
use sisyphus_base::paths::{StateDir, client_tmp_dir};
use sisyphus_process::spawn_orphan;
use sisyphus_settings::Settings;
use sisyphus_state::agents::Limits;
use sisyphus_state::run::Run;
use sisyphus_state::sessions::{SessionRequest, place_of};
use sisyphus_state::store::{LOCK_WAIT_IN_RUNNER, Store};
use sisyphus_tasks::admission::Admission;
use sisyphus_tasks::task::Task;

use crate::tasks::world;

/// How long a runner has for its first line. It takes two locks and writes two files before.
const ANSWER_WAIT: Duration = Duration::from_secs(10);
/// Longest line of a runner that is read, in bytes.
const LINE_MAX: u64 = 4096;

/// A session that its runner has recorded.
#[derive(Debug, Clone)]
pub struct Launched {
    pub task: Task,
    /// Its place in the queue, from the records.
    pub place: Admission,
}

pub(super) fn launch(
    store: &Store,
    request: &SessionRequest,
    settings: &Settings,
) -> Result<Launched> {
    let state = store.dir();
    let runner = find_runner(state)?;
    let run = Run::delegated(state, &request.task.session, &request.task.id);
    request.write(&run)?;
    let folder = std::path::absolute(run.dir()).context("could not name the run folder")?;
    let started = spawn_orphan(&runner, &["session".into(), folder.into_os_string()]);
    let answer = started.map(first_line);
    match answer {
        Ok(Some(line)) if line == "ok" => {}
        // A machine may be too busy for a line. The runner that holds the lock goes on.
        Ok(None) if run.is_attached() && run.is_alive() => {}
        Ok(line) => {
            run.remove();
            let said = line.as_deref().and_then(|line| line.strip_prefix("error: "));
            bail!(
                "could not delegate: {}",
                said.unwrap_or("its runner did not start; run `sisyphus doctor`")
            );
        }
        Err(error) => {
            run.remove();
            return Err(error.context("could not delegate"));
        }
    }
    let tmp = client_tmp_dir(&Environment::read());
    let limits = Limits::of(settings);
    let id = &request.task.id;
    // The runner's event is in the inbox. If the lock is busy, the next commit applies it.
    let updated = store.update(&world(&tmp), LOCK_WAIT_IN_RUNNER, |active, now| {
        active.task(id).cloned().map(|task| (place_of(active, &task, &limits, now.at), task))
    });
    let (place, task) =
        updated.ok().flatten().unwrap_or_else(|| (Admission::Immediate, request.task.clone()));
    Ok(Launched { task, place })
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
fn find_runner(state: &StateDir) -> Result<PathBuf> {
    let name = format!("sisyphus-run{}", std::env::consts::EXE_SUFFIX);
    let own = std::env::current_exe().ok();
    let own_dir = own.as_deref().and_then(std::path::Path::parent);
    let beside = own_dir.map(|dir| dir.join(&name));
    let of_hooks =
        own_dir.and_then(std::path::Path::parent).map(|it| it.join("hooks/bin").join(&name));
    let places = [Some(state.runner()), beside, of_hooks];
    let found = places.into_iter().flatten().find(|path| path.is_file());
    found.context("could not find `sisyphus-run`; run `install.sh` again")
}

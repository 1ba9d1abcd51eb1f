//! The live sessions: whether their shells hold our line, and whether that line still leads to a runner.
//!
//! A session counts as live if Claude Code lists it for a running process (`sessions/PID.json` beside its settings,
//! CC-69), if it has a task that has not ended, if a waiter is there to wake it, or if this command was started in it.
//! A command from a terminal belongs to no Claude Code, so its session is none of them.
//! Nothing is known about other sessions.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use sisyphus_attach::snippet;
use sisyphus_base::atomic;
use sisyphus_base::id::SessionId;
use sisyphus_base::rights::is_executable;
use sisyphus_process::ProcessId;
use sisyphus_state::announced::Announced;
use sisyphus_state::store::is_held;

use super::context::{DoctorContext, entries, json_files};
use super::finding::{Finding, named};

/// How many files of a session are read, and how much of a file, in bytes.
const FILES: usize = 50;
const BYTES: u64 = 256 * 1024;

pub(super) fn check(context: &DoctorContext) -> Vec<Finding> {
    let live = live(context);
    if live.is_empty() {
        return vec![Finding::fine("no live session is known")];
    }
    live.iter().map(|session| examine(context, session)).collect()
}

fn live(context: &DoctorContext) -> BTreeSet<SessionId> {
    let state = context.state();
    let active = context.active().into_iter().filter(|task| task.from_terminal.is_none());
    let mut live: BTreeSet<SessionId> = active.map(|task| task.session).collect();
    for path in entries(&state.wake_dir()) {
        let name = path.file_name().and_then(OsStr::to_str);
        let session = name.and_then(|name| SessionId::new(name.strip_suffix(".lock")?).ok());
        live.extend(session.filter(|it| is_held(&state.wake_lock(it)).unwrap_or(false)));
    }
    live.extend(context.environment.session.clone());
    live.extend(listed(&context.config_dir.join("sessions")));
    live
}

/// The fields that are read of Claude Code's own record of a session.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Listed {
    pid: i32,
    /// When the process started, in the kernel's count: another process may have the same number now.
    proc_start: String,
    session_id: String,
}

/// The sessions of running Claude Code processes. A folder in another format yields none.
fn listed(folder: &Path) -> Vec<SessionId> {
    let live = |path: PathBuf| {
        let bytes = atomic::read(&path, BYTES).ok()??;
        let listed: Listed = serde_json::from_slice(&bytes).ok()?;
        let process = ProcessId { pid: listed.pid, start: Some(listed.proc_start.parse().ok()?) };
        SessionId::new(listed.session_id).ok().filter(|_| process.is_alive())
    };
    json_files(folder).filter_map(live).collect()
}

fn examine(context: &DoctorContext, session: &SessionId) -> Finding {
    let lines = lines(&context.config_dir.join("session-env").join(session.as_str()));
    let is_ours = |line: &&String| line.contains("sisyphus-run");
    let Some(line) = lines.iter().find(is_ours) else {
        return Finding::note(
            format!(
                "session {session}: its shells are not attached, so its commands are only observed"
            ),
            "restart it (`claude --resume`): a session that began before the plugin was installed stays unattached",
        );
    };
    let (state, runner) = (context.state(), context.state().runner());
    let expected = snippet::render(&runner, Announced::of(state, session).dir());
    if expected.as_ref() != Some(line) {
        return Finding::note(
            format!("session {session}: attached by another version or with other folders"),
            "nothing to do: it works as it is, and a new session uses the current ones",
        );
    }
    if !is_executable(&runner) {
        return Finding::broken(
            format!("session {session}: attached to {}, which does not exist", named(&runner)),
            "start a session of Claude Code, which installs it; until then commands are only observed",
        );
    }
    Finding::fine(format!("session {session}: its shells are attached"))
}

/// Every line of the files that Claude Code puts in front of the session's commands.
fn lines(folder: &Path) -> Vec<String> {
    let files = entries(folder).take(FILES);
    let read = files.filter_map(|path| atomic::read_linked_start(&path, BYTES).ok()?);
    read.flat_map(|bytes| {
        String::from_utf8_lossy(&bytes).lines().map(str::to_owned).collect::<Vec<_>>()
    })
    .collect()
}

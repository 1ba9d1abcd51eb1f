//! What a session changed in its worktree. Only git knows, so it is asked, for a limited time.

use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc::channel;
use std::thread;
use std::time::Duration;

use sisyphus_base::text::one_line;
use sisyphus_tasks::session::{Changes, Worktree};

/// How long git may take for each answer. A filter of the repository may be slow.
const PATIENCE: Duration = Duration::from_secs(3);
/// How much of an answer is read, in bytes.
const ANSWER_MAX: u64 = 1024 * 1024;
/// Longest name of a branch that is reported, in characters.
const BRANCH_MAX: usize = 200;

/// The worktree that its Claude Code says it works in (CC-76).
pub(super) fn inspect(project: &Path, path: PathBuf) -> Worktree {
    let branch = git(&path, &["rev-parse", "--abbrev-ref", "HEAD"]);
    let branch = branch.map(|branch| one_line(&branch, BRANCH_MAX)).filter(|it| !it.is_empty());
    let changes = changes(project, &path);
    Worktree { path, branch, changes }
}

fn changes(project: &Path, path: &Path) -> Option<Changes> {
    let files = git(path, &["status", "--porcelain"])?.lines().count();
    let base = git(project, &["rev-parse", "HEAD"])?;
    let commits = git(path, &["rev-list", "--count", &format!("{base}..HEAD")])?;
    Some(Changes { files, commits: commits.parse().ok()? })
}

/// The output of git in this folder, without the line end. It runs no hook of the repository: these commands have none.
fn git(folder: &Path, args: &[&str]) -> Option<String> {
    let mut child = Command::new("git")
        .args(["-c", "core.fsmonitor=false", "--no-optional-locks"])
        .args(args)
        .current_dir(folder)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .ok()?;
    let stdout = child.stdout.take()?;
    let (sender, answer) = channel();
    // A read can't be given up, but the thread that reads can.
    thread::spawn(move || {
        let mut text = String::new();
        let read = stdout.take(ANSWER_MAX).read_to_string(&mut text);
        let _ = sender.send(read.map(|_| text));
    });
    let text = answer.recv_timeout(PATIENCE);
    if text.is_err() {
        let _ = child.kill();
    }
    let status = child.wait().ok()?;
    let text = text.ok()?.ok()?;
    status.success().then(|| text.trim_end().to_owned())
}

//! What a session changed in its worktree. Only git knows, so it is asked, for a limited time.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use sisyphus_base::text::one_line;
use sisyphus_process::ask;
use sisyphus_tasks::session::{Changes, Worktree};

/// How long git may take for each answer. A filter of the repository may be slow.
const PATIENCE: Duration = Duration::from_secs(3);
/// How long git may take to write or to remove a worktree.
pub(super) const LONG_PATIENCE: Duration = Duration::from_secs(120);
/// How much of an answer is read, in bytes.
const ANSWER_MAX: u64 = 1024 * 1024;
/// Longest name of a branch that is reported, in characters.
const BRANCH_MAX: usize = 200;
/// Variables with which another git process says where its repository is. Ours is where the worktree is.
const FOREIGN: [&str; 5] =
    ["GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_COMMON_DIR", "GIT_OBJECT_DIRECTORY"];

/// The worktree that its Claude Code says it works in (CC-76).
pub(super) fn inspect(project: &Path, path: PathBuf) -> Worktree {
    let branch = git(&path, &["rev-parse", "--abbrev-ref", "HEAD"]);
    let branch = branch.map(|branch| one_line(&branch, BRANCH_MAX)).filter(|it| !it.is_empty());
    let changes = changes(project, &path);
    Worktree { path, branch, changes, removed_at: None }
}

fn changes(project: &Path, path: &Path) -> Option<Changes> {
    let files = git(path, &["status", "--porcelain"])?.lines().count();
    let base = git(project, &["rev-parse", "HEAD"])?;
    let commits = git(path, &["rev-list", "--count", &format!("{base}..HEAD")])?;
    Some(Changes { files, commits: commits.parse().ok()? })
}

/// The whole output of git in this folder, without the line end; `None` if git fails or says too much.
pub(super) fn git(folder: &Path, args: &[&str]) -> Option<String> {
    git_within(PATIENCE, folder, args)
}

/// The same for a command that may take so long. It runs no hook of the repository.
pub(super) fn git_within(patience: Duration, folder: &Path, args: &[&str]) -> Option<String> {
    let mut git = Command::new("git");
    git.args(["-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null"]);
    git.arg("--no-optional-locks").args(args).current_dir(folder);
    for name in FOREIGN {
        git.env_remove(name);
    }
    let (status, text) = ask(&mut git, patience, ANSWER_MAX)?;
    let is_whole = status.success() && (text.len() as u64) < ANSWER_MAX;
    let text = String::from_utf8(text).ok().filter(|_| is_whole)?;
    Some(text.trim_end().to_owned())
}

//! The worktree that a session asked for by name. The runner has it to itself, removes it if the session left it
//! unchanged, and makes it again when the conversation continues: Claude Code finds a conversation by its folder (CC-76).
//!
//! What may be the work of a person stays: a worktree that was there before, one with a lock that neither Claude Code nor
//! this program has set, and one that another process works in.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail, ensure};
use sisyphus_base::atomic;
use sisyphus_base::paths::StateDir;
use sisyphus_base::sys::real_path;
use sisyphus_process::working_in;
use sisyphus_state::sessions::{
    Conversation, SessionRequest, ensure_same_rules, worktree_branch, worktree_path,
};
use sisyphus_state::store::Lock;
use sisyphus_tasks::session::Delegated;

use super::worktree::{LONG_PATIENCE, git, git_within};
use crate::record::OWN_LOCK_WAIT;

/// Largest file that is compared with one of the project, in bytes.
const COPY_MAX: u64 = 1024 * 1024;
/// Largest reason of a lock that is read, in bytes.
const REASON_MAX: u64 = 4096;

/// The worktree, while a runner has it.
pub(super) struct OwnWorktree {
    project: PathBuf,
    name: String,
    path: PathBuf,
    /// The reason in the lock of a worktree that the runner has made again.
    own_reason: String,
    /// What the runner knows of the branch, once the session may start.
    branch: Option<Branch>,
    /// No second session works in it.
    _lock: Lock,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Branch {
    /// It comes with the worktree, and goes with it.
    Ours,
    MayBeOthers,
}

impl OwnWorktree {
    /// Takes the worktree of a session; `None` if it has none. It is held until the runner exits.
    pub(super) fn take(state: &StateDir, session: &Delegated) -> Result<Option<Self>> {
        let Some(name) = session.worktree.clone() else { return Ok(None) };
        let path = worktree_path(&session.project, &name);
        let lock = Lock::acquire(&state.worktree(&path), OWN_LOCK_WAIT).with_context(|| {
            format!("the worktree `{name}` is that of another session, which is not over; choose another name, or continue that session later")
        })?;
        Ok(Some(Self {
            project: session.project.clone(),
            own_reason: format!("sisyphus session {}", session.conversation),
            name,
            path,
            branch: None,
            _lock: lock,
        }))
    }

    /// Makes sure before the start that the worktree is this conversation's own, or that Claude Code can make it.
    pub(super) fn prepare(&mut self, request: &SessionRequest) -> Result<()> {
        let is_there = self.path.symlink_metadata().is_ok();
        let path = self.path.display();
        match (request.conversation, &request.restore_from) {
            (Conversation::New, _) => {
                ensure!(!is_there, "could not make the worktree `{path}`: there is one by now");
                let is_new = self.tip().is_none();
                self.branch = Some(if is_new { Branch::Ours } else { Branch::MayBeOthers });
                return Ok(());
            }
            (Conversation::Continued { .. }, None) => {
                ensure!(is_there, "its worktree `{path}` is gone; delegate a new session");
            }
            (Conversation::Continued { .. }, Some(_)) if is_there => ensure!(
                self.reason().as_ref() == Some(&self.own_reason),
                "its worktree `{path}` was removed unchanged, and another one is in its place; delegate a new session"
            ),
            (Conversation::Continued { .. }, Some(commit)) => self.make_again(commit)?,
        }
        ensure_same_rules(&self.path, &self.project)?;
        self.branch = self.branch.or(Some(Branch::MayBeOthers));
        Ok(())
    }

    fn make_again(&mut self, commit: &str) -> Result<()> {
        let path = self.path.to_str().context("git takes no such path")?;
        let branch = worktree_branch(&self.name);
        ensure!(commit.bytes().all(|it| it.is_ascii_hexdigit()), "the record names no commit");
        let (owner, added) = match self.tip() {
            Some(tip) if tip == commit => (Branch::MayBeOthers, vec![path, &branch]),
            Some(_) => bail!(
                "could not make its worktree `{path}` again: the branch `{branch}` has changed since; delegate a new session"
            ),
            None => (Branch::Ours, vec!["-b", &branch, path, commit]),
        };
        let args = [vec!["worktree", "add", "--quiet"], added].concat();
        git_within(LONG_PATIENCE, &self.project, &args).with_context(|| {
            format!(
                "could not make its worktree `{path}` again: git failed; delegate a new session"
            )
        })?;
        self.branch = Some(owner);
        let locked = git(&self.project, &["worktree", "lock", "--reason", &self.own_reason, path]);
        locked.map(drop).with_context(|| format!("could not lock its worktree `{path}`"))
    }

    /// Removes the worktree if nothing in it differs from the commit that it began with. Returns that commit.
    pub(super) fn remove_unchanged(&self, conversation: Conversation) -> Option<String> {
        let branch = self.branch?;
        if !self.path.is_dir() || real_path(&self.path).ok()? != self.path {
            return None;
        }
        let reason = self.reason();
        let is_ours = match (&reason, conversation) {
            (Some(reason), _) => self.has_locked_it(reason),
            // It was not there before this session. Older versions of Claude Code lock nothing.
            (None, Conversation::New) => true,
            (None, Conversation::Continued { .. }) => false,
        };
        if !is_ours || working_in(&self.path) != Some(0) {
            return None;
        }
        let commit = self.only_commit()?;
        if !self.has_nothing_of_its_own() {
            return None;
        }
        let path = self.path.to_str()?;
        if reason.is_some() {
            git(&self.project, &["worktree", "unlock", path])?;
        }
        // Git refuses if a file has changed or come since.
        let removed = git_within(LONG_PATIENCE, &self.project, &["worktree", "remove", path]);
        if removed.is_none() {
            let reason = reason.unwrap_or_default();
            git(&self.project, &["worktree", "lock", "--reason", &reason, path]);
            return None;
        }
        if branch == Branch::Ours && self.tip().as_ref() == Some(&commit) {
            // Git keeps a branch with commits that no other has.
            git(&self.project, &["branch", "--quiet", "-d", &worktree_branch(&self.name)]);
        }
        Some(commit)
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Its folder, if a session may have started there.
    pub(super) fn prepared(&self) -> Option<PathBuf> {
        (self.branch.is_some() && self.path.is_dir()).then(|| self.path.clone())
    }

    fn has_locked_it(&self, reason: &str) -> bool {
        *reason == self.own_reason
            || reason.starts_with(&format!("claude session {} (pid ", self.name))
    }

    /// The commit at the end of its branch.
    fn tip(&self) -> Option<String> {
        let branch = format!("refs/heads/{}", worktree_branch(&self.name));
        git(&self.project, &["rev-parse", "--verify", "--quiet", &branch])
    }

    /// Why git must not remove it; `None` if it is not locked.
    fn reason(&self) -> Option<String> {
        let own = git(&self.path, &["rev-parse", "--absolute-git-dir"])?;
        let bytes =
            atomic::read_linked(&Path::new(&own).join("locked"), REASON_MAX).ok().flatten()?;
        Some(String::from_utf8(bytes).ok()?.trim_end().to_owned())
    }

    /// The commit that it is at, if it never was at another one: then no commit was made here, not even one that was
    /// given up.
    fn only_commit(&self) -> Option<String> {
        let branch = git(&self.path, &["symbolic-ref", "--quiet", "HEAD"])?;
        let head = git(&self.path, &["rev-parse", "--verify", "HEAD"])?;
        let seen = git(&self.path, &["log", "--walk-reflogs", "--format=%H", "HEAD", "--"])?;
        let is_first = branch == format!("refs/heads/{}", worktree_branch(&self.name));
        let is_only = !seen.is_empty() && seen.lines().all(|commit| commit == head);
        (is_first && is_only).then_some(head)
    }

    /// Whether every file in it is a commit's, or a copy of an ignored file of the project: Claude Code makes those.
    fn has_nothing_of_its_own(&self) -> bool {
        let args = ["status", "--porcelain", "-z", "--untracked-files=all", "--ignored"];
        let Some(status) = git(&self.path, &args) else { return false };
        let Some(main) = self.path.ancestors().nth(3) else { return false };
        status.split('\0').filter(|entry| !entry.is_empty()).all(|entry| {
            entry.strip_prefix("!! ").is_some_and(|file| is_copy(&self.path.join(file), main, file))
        })
    }
}

/// Whether this ignored file is a link, or the same as in the main folder.
fn is_copy(file: &Path, main: &Path, name: &str) -> bool {
    if fs::symlink_metadata(file).is_ok_and(|it| it.is_symlink()) {
        return true;
    }
    let read = |path: &Path| atomic::read_linked(path, COPY_MAX).ok().flatten();
    let own = read(file);
    own.is_some() && own == read(&main.join(name))
}

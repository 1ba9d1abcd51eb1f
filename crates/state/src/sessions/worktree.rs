//! Where the worktree of a session is, which branch it has, and which rules it may bring.

use std::path::{Path, PathBuf};

use anyhow::{Result, ensure};
use sisyphus_base::atomic;
use sisyphus_base::sys::real_path;

/// Where Claude Code makes worktrees, below the repository (CC-76).
const WORKTREES: &str = ".claude/worktrees";
/// What may hold rules about rights in a folder.
const RULES: [&str; 3] = [".claude/settings.json", ".claude/settings.local.json", ".mcp.json"];
/// Largest such file that is compared, in bytes.
const RULES_MAX: u64 = 4 * 1024 * 1024;
/// Largest file of git's own that is read, in bytes.
const POINTER_MAX: u64 = 64 * 1024;

/// The git repository around a folder.
pub fn repository(folder: &Path) -> Option<&Path> {
    folder.ancestors().find(|dir| dir.join(".git").exists())
}

/// Where Claude Code makes the worktree of this name: in the main folder of the repository, whatever part of it or
/// worktree of it the project is (CC-76).
pub fn worktree_path(project: &Path, name: &str) -> PathBuf {
    let real = real_path(project).unwrap_or_else(|_| project.to_owned());
    let around = repository(&real).unwrap_or(&real);
    let main = main_folder(around).unwrap_or_else(|| around.to_owned());
    main.join(WORKTREES).join(name)
}

/// The branch of the worktree of this name (CC-76).
pub fn worktree_branch(name: &str) -> String {
    format!("worktree-{name}")
}

/// The main folder of the repository whose worktree this folder is; `None` if it is none.
fn main_folder(folder: &Path) -> Option<PathBuf> {
    let own = first_line(&folder.join(".git"))?;
    let own = folder.join(own.strip_prefix("gitdir: ")?);
    let common = real_path(&own.join(first_line(&own.join("commondir"))?)).ok()?;
    common.ends_with(".git").then(|| common.parent().map(Path::to_owned))?
}

fn first_line(path: &Path) -> Option<String> {
    let bytes = atomic::read_linked(path, POINTER_MAX).ok().flatten()?;
    Some(String::from_utf8(bytes).ok()?.lines().next()?.to_owned())
}

/// Refuses a worktree with rules that the project does not have: a session could have written them, or a commit has rules
/// that the user has changed since.
///
/// # Errors
/// The file that differs.
pub fn ensure_same_rules(worktree: &Path, project: &Path) -> Result<()> {
    for rules in RULES {
        let read = |dir: &Path| atomic::read_linked(&dir.join(rules), RULES_MAX);
        let own = read(worktree)?;
        ensure!(
            own.is_none() || own == read(project)?,
            "`{rules}` of its worktree is not that of the project; remove it there, or delegate a new session"
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use sisyphus_testing::TempDir;

    use super::*;

    /// The files are those that git makes.
    #[test]
    fn all_parts_of_a_repository_share_the_place() {
        let dir = TempDir::new();
        let root = real_path(dir.path()).unwrap();
        let (main, linked) = (root.join("main"), root.join("linked"));
        let own = main.join(".git/worktrees/linked");
        fs::create_dir_all(&own).unwrap();
        fs::create_dir_all(main.join("part")).unwrap();
        fs::create_dir(&linked).unwrap();
        fs::write(own.join("commondir"), "../..\n").unwrap();
        fs::write(linked.join(".git"), format!("gitdir: {}\n", own.display())).unwrap();
        let expected = main.join(".claude/worktrees/w");
        for project in [main.clone(), main.join("part"), linked] {
            assert_eq!(worktree_path(&project, "w"), expected, "{}", project.display());
        }
        // A submodule is a repository of its own. So is a folder whose pointer leads nowhere.
        for pointer in ["gitdir: ../.git/modules/sub\n", "gitdir: /gone\n", "junk"] {
            let sub = main.join("sub");
            fs::create_dir_all(&sub).unwrap();
            fs::write(sub.join(".git"), pointer).unwrap();
            assert_eq!(worktree_path(&sub, "w"), sub.join(".claude/worktrees/w"), "{pointer}");
        }
    }
}

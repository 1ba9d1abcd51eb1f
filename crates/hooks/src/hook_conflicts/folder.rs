//! What a `.claude` folder holds: skills, agents, commands, and plugins among the skills.

use std::fs::{self, DirEntry, FileType};
use std::io;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use sisyphus_base::atomic::if_found;

use super::declared::settings_bring_hooks;
use super::front_matter::front_matter_has_hooks;

/// How deep the search goes below `skills`, `agents` and `commands`. This also ends a cycle of links.
const MAX_DEPTH: usize = 6;

/// How many entries of folders are examined for one session. Each may be a file to read, so this many cost some
/// milliseconds.
pub(super) const MAX_ENTRIES: usize = 1_000;

/// Whether Claude Code reads settings at the beginning of a file with this name.
type HasFrontMatter = fn(&Path) -> bool;

/// The folders that hold such files.
const FOLDERS: [(&str, HasFrontMatter); 3] =
    [("skills", is_skill), ("agents", is_markdown), ("commands", is_markdown)];

/// A skill also holds other Markdown files: pages for the model to read.
fn is_skill(name: &Path) -> bool {
    name.as_os_str().eq_ignore_ascii_case("SKILL.md")
}

fn is_markdown(name: &Path) -> bool {
    name.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("md"))
}

/// Whether a plugin, skill, agent or command below a `.claude` folder may declare a PreToolUse hook. `own` is the real
/// folder of this plugin, `left` how many entries may still be examined. A tree that is too deep or too large to search is
/// an error.
pub(super) fn folder_brings_hooks(
    folder: &Path,
    own: Option<&Path>,
    left: &mut usize,
) -> Result<bool> {
    for (name, has_front_matter) in FOLDERS {
        let mut open = vec![(folder.join(name), 0)];
        while let Some((dir, depth)) = open.pop() {
            for entry in entries(&dir)? {
                *left = left.checked_sub(1).context("too many entries to search")?;
                match look(&entry?, has_front_matter, own)? {
                    Found::Nothing => {}
                    Found::Folder(path) if depth < MAX_DEPTH => open.push((path, depth + 1)),
                    Found::Folder(path) => anyhow::bail!("`{}` is too deep", path.display()),
                    Found::Hooks => return Ok(true),
                }
            }
        }
    }
    Ok(false)
}

/// The entries of a folder. A missing folder counts as an empty one.
fn entries(dir: &Path) -> Result<impl Iterator<Item = io::Result<DirEntry>>> {
    let found = if_found(fs::read_dir(dir));
    let entries = found.with_context(|| format!("could not list `{}`", dir.display()))?;
    Ok(entries.into_iter().flatten())
}

enum Found {
    Nothing,
    Folder(PathBuf),
    Hooks,
}

fn look(entry: &DirEntry, has_front_matter: HasFrontMatter, own: Option<&Path>) -> Result<Found> {
    let (path, name) = (entry.path(), entry.file_name());
    // The rest of the plugin does not matter: its manifest may name hook files anywhere.
    if name == ".claude-plugin" {
        return Ok(Found::Hooks);
    }
    let Some(file_type) = file_type(entry)? else { return Ok(Found::Nothing) };
    if file_type.is_dir() {
        // Git's own folder holds no skills, and may hold a thousand files.
        let passed_over = name == ".git" || is_own(entry, own)?;
        return Ok(if passed_over { Found::Nothing } else { Found::Folder(path) });
    }
    let brings = (has_front_matter(name.as_ref()) && front_matter_has_hooks(&path)?)
        || (path.ends_with("hooks/hooks.json") && settings_bring_hooks(&path, own)?);
    Ok(if brings { Found::Hooks } else { Found::Nothing })
}

/// The type of an entry, or of a link's target; `None` if the target does not exist.
fn file_type(entry: &DirEntry) -> Result<Option<FileType>> {
    let file_type = entry.file_type()?;
    if !file_type.is_symlink() {
        return Ok(Some(file_type));
    }
    Ok(if_found(entry.path().metadata())?.map(|metadata| metadata.file_type()))
}

/// Whether a folder is this plugin's. Its real path is resolved only if it may be, because that takes longer than the
/// rest.
fn is_own(entry: &DirEntry, own: Option<&Path>) -> Result<bool> {
    let Some(own) = own else { return Ok(false) };
    let may_be = entry.file_type()?.is_symlink() || own.file_name() == Some(&entry.file_name());
    Ok(may_be && entry.path().canonicalize()? == own)
}

#[cfg(test)]
mod tests {

    use sisyphus_testing::TempDir;
    use sisyphus_testing::files::symlink;

    use super::*;

    const HOOKS: &str = "---\nname: x\nhooks:\n  PreToolUse: []\n---\n";
    const NO_HOOKS: &str = "---\nname: x\n---\nhooks: are fine here\n";

    fn put(dir: &Path, name: &str, content: &str) {
        let path = dir.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, content).unwrap();
    }

    /// What a survey makes of it: an error is another hook.
    fn brings(dir: &Path, own: Option<&Path>) -> bool {
        folder_brings_hooks(dir, own, &mut { MAX_ENTRIES }).unwrap_or(true)
    }

    #[test]
    fn every_place_that_can_hold_hooks_is_seen() {
        let hook = r#"{"hooks":{"PreToolUse":[{"matcher":"Bash","hooks":[]}]}}"#;
        let cases = [
            ("skills/other/hooks/hooks.json", hook, true),
            ("skills/other/hooks/hooks.json", r#"{"hooks":{"Stop":[{}]}}"#, false),
            ("skills/other/hooks/hooks.json", "{broken", true),
            ("skills/other/.claude-plugin/plugin.json", "{}", true),
            ("skills/some/other/.claude-plugin/plugin.json", "{}", true),
            ("skills/other/SKILL.md", HOOKS, true),
            ("skills/other/SKILL.md", NO_HOOKS, false),
            ("skills/a/b/SKILL.md", HOOKS, true),
            ("skills/a/b/SKILL.md", NO_HOOKS, false),
            ("skills/a/b/c/d/e/f/SKILL.md", NO_HOOKS, false),
            ("skills/a/b/c/d/e/f/g/SKILL.md", NO_HOOKS, true),
            ("skills/a/skill.md", HOOKS, true),
            ("skills/a/reference.md", HOOKS, false),
            ("skills/a/.git/x.md", HOOKS, false),
            ("agents/a.md", HOOKS, true),
            ("agents/team/a.MD", HOOKS, true),
            ("agents/team/a.md", NO_HOOKS, false),
            ("commands/a.md", HOOKS, true),
            ("commands/git/deep/a.md", HOOKS, true),
            ("commands/git/deep/a.md", NO_HOOKS, false),
            ("commands", "a file", true),
            ("output-styles/a.md", HOOKS, false),
        ];
        for (name, content, expected) in cases {
            let dir = TempDir::new();
            put(dir.path(), name, content);
            assert_eq!(brings(dir.path(), None), expected, "{name}: {content}");
        }
        assert!(!brings(TempDir::new().path(), None), "nothing at all");
    }

    #[test]
    fn our_own_folder_is_no_others() {
        let dir = TempDir::new();
        let own = dir.path().join("skills/sisyphus");
        put(&own, "hooks/hooks.json", r#"{"hooks":{"PreToolUse":[{}]}}"#);
        put(&own, ".claude-plugin/plugin.json", "{}");
        assert!(!brings(dir.path(), Some(&own)));
        assert!(brings(dir.path(), None));
        put(dir.path(), "skills/sisyphus-2/.claude-plugin/plugin.json", "{}");
        assert!(brings(dir.path(), Some(&own)));
    }

    /// T7: neither a link nor our name makes a folder ours.
    #[test]
    #[cfg_attr(windows, ignore = "Windows allows links to few users")]
    fn only_the_real_folder_is_our_own() {
        for name in ["skills/linked", "skills/sisyphus", "agents/sisyphus"] {
            let dir = TempDir::new();
            let own = dir.path().join("plugins/sisyphus");
            put(&own, ".claude-plugin/plugin.json", "{}");
            let other = dir.path().join("elsewhere");
            put(&other, "SKILL.md", HOOKS);
            put(&other, "agent.md", HOOKS);
            let place = dir.path().join("config").join(name);
            fs::create_dir_all(place.parent().unwrap()).unwrap();
            symlink(&other, &place).unwrap();
            assert!(brings(&dir.path().join("config"), Some(&own)), "a link at {name}");
            fs::remove_file(&place).unwrap();
            symlink(&own, &place).unwrap();
            assert!(!brings(&dir.path().join("config"), Some(&own)), "a link to ours at {name}");
            fs::remove_file(&place).unwrap();
            fs::rename(&other, &place).unwrap();
            assert!(brings(&dir.path().join("config"), Some(&own)), "a folder at {name}");
        }
    }

    #[test]
    fn more_than_can_be_looked_at_may_be_anything() {
        let dir = TempDir::new();
        for number in 0..999 {
            put(dir.path(), &format!("commands/{number}.md"), NO_HOOKS);
        }
        put(dir.path(), "agents/1.md", NO_HOOKS);
        assert!(!brings(dir.path(), None));
        put(dir.path(), "skills/1.txt", "");
        assert!(brings(dir.path(), None));
    }
}

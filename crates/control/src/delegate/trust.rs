//! Whether a person may delegate here: not below Claude Code, and only in a folder that they have trusted there.

use std::path::Path;

use anyhow::{Result, ensure};
use serde_json::Value;
use sisyphus_base::atomic;
use sisyphus_base::environment::Environment;
use sisyphus_process::{Ancestor, ancestors};

use super::caller::is_interpreted;

/// Largest file of Claude Code that is read, in bytes. It holds the history of all projects.
const MAX_BYTES: u64 = 64 * 1024 * 1024;

/// Refuses a process below Claude Code. A permission rule that allows `sisyphus` must not allow everything that a session
/// may do. A process can drop variables, but not its ancestors; so both count.
pub fn ensure_person(environment: &Environment) -> Result<()> {
    let is_below = environment.session.is_some() || ancestors().iter().any(is_of_session);
    ensure!(
        !is_below,
        "could not delegate below Claude Code, where its permission rules must see each command; the model has `delegate_task`"
    );
    Ok(())
}

/// Whether an ancestor is Claude Code, or a runner of ours.
fn is_of_session(ancestor: &Ancestor) -> bool {
    let program = ancestor.program.file_name().unwrap_or_default();
    program.to_string_lossy().starts_with("sisyphus-run") || is_claude_code(ancestor)
}

/// Whether an ancestor is Claude Code.
pub(super) fn is_claude_code(ancestor: &Ancestor) -> bool {
    let path = &ancestor.program;
    let program = path.file_name().unwrap_or_default().to_string_lossy();
    // The native installer names the program after its version.
    let is_installed = path.parent().is_some_and(|dir| dir.ends_with("claude/versions"));
    let is_called = ancestor.args.first().is_some_and(|arg| Path::new(arg).ends_with("claude"));
    // An interpreter may have options before the script, and Claude Code may have put its name in place of all of them.
    let names_it = || ancestor.args.iter().any(|it| it.to_string_lossy().contains("claude"));
    program.starts_with("claude")
        || is_installed
        || is_called
        || (is_interpreted(ancestor) && names_it())
}

/// Refuses a folder that the user has not trusted in Claude Code. `claude -p` asks nothing and runs the folder's own
/// hooks (CC-78).
pub fn ensure_trusted(folder: &Path, environment: &Environment) -> Result<()> {
    let home = environment.claude_config_dir.clone().or_else(|| environment.home.clone());
    let file = home.map(|home| home.join(".claude.json"));
    let read = file.and_then(|file| atomic::read_linked(&file, MAX_BYTES).ok().flatten());
    let known: Value = read.and_then(|it| serde_json::from_slice(&it).ok()).unwrap_or_default();
    ensure!(
        folder.ancestors().any(|dir| is_trusted(&known, dir)),
        "could not delegate in `{}`: it was never trusted; start `claude` there once and answer its question",
        folder.display()
    );
    Ok(())
}

fn is_trusted(known: &Value, folder: &Path) -> bool {
    let project = &known["projects"][folder.to_string_lossy().as_ref()];
    project["hasTrustDialogAccepted"] == true
}

#[cfg(test)]
mod tests {
    use sisyphus_testing::TempDir;

    use super::*;

    #[test]
    fn claude_code_is_known_by_its_program_or_script() {
        let ancestor = |program: &str, args: &[&str]| Ancestor {
            program: program.into(),
            args: args.iter().map(Into::into).collect(),
        };
        let cases = [
            (ancestor("/opt/claude", &["claude", "-p"]), true),
            (ancestor("/usr/bin/node", &["node", "/lib/claude-code/cli.js"]), true),
            (
                ancestor("/usr/bin/node", &["node", "--no-warnings", "/lib/claude-code/cli.js"]),
                true,
            ),
            (ancestor("/usr/bin/node", &["claude", "", ""]), true),
            (ancestor("/home/u/.local/share/claude/versions/2.1.332", &[]), true),
            (ancestor("/opt/2.1.332", &["/home/u/.local/bin/claude", "-p"]), true),
            (ancestor("/home/claude/bin/tmux", &["/home/claude/bin/tmux"]), false),
            (ancestor("/state/bin/sisyphus-run-0.2.0", &["sisyphus-run", "run"]), true),
            (ancestor("/usr/bin/node", &["node", "server.js"]), false),
            (ancestor("/bin/bash", &["bash", "claude.sh"]), false),
            (ancestor("/usr/bin/tmux", &["tmux"]), false),
        ];
        for (ancestor, expected) in cases {
            assert_eq!(is_of_session(&ancestor), expected, "{ancestor:?}");
        }
    }

    #[test]
    fn only_a_trusted_folder_and_what_is_below_it() {
        let dir = TempDir::new();
        let environment =
            Environment { home: Some(dir.path().to_owned()), ..Environment::default() };
        let trusted = |folder: &str| ensure_trusted(Path::new(folder), &environment).is_ok();
        assert!(!trusted("/a/b"), "without a file");
        let known = r#"{"projects":{"/a/b":{"hasTrustDialogAccepted":true},"/c":{"hasTrustDialogAccepted":false},"/d":7}}"#;
        std::fs::write(dir.path().join(".claude.json"), known).unwrap();
        let cases = ["/a/b", "/a/b/c", "/a", "/c", "/d", "/a/bb"].map(trusted);
        assert_eq!(cases, [true, true, false, false, false, false]);
        std::fs::write(dir.path().join(".claude.json"), "{").unwrap();
        assert!(!trusted("/a/b"), "junk");
    }
}

//! Whether a person asks, and not something below Claude Code.

use std::path::Path;

use anyhow::{Result, ensure};
use sisyphus_base::environment::Environment;
use sisyphus_process::{Ancestor, ancestors, is_runner};

/// Interpreters that some installs of Claude Code run in.
const INTERPRETERS: [&str; 3] = ["node", "bun", "deno"];

/// Refuses a process below Claude Code. A permission rule that allows `sisyphus` must not allow every command, and
/// everything that a session may do. A process can drop variables, but not its ancestors; so both count.
///
/// `verb` and `instead` are parts of the error: what could not be done, and what the model does instead.
pub fn ensure_person(environment: &Environment, verb: &str, instead: &str) -> Result<()> {
    let is_below = environment.session.is_some() || ancestors().iter().any(is_of_session);
    ensure!(
        !is_below,
        "could not {verb} below Claude Code, where its permission rules must see each command; {instead}"
    );
    Ok(())
}

/// Whether an ancestor is Claude Code, or a runner of ours that a Claude Code is behind.
fn is_of_session(ancestor: &Ancestor) -> bool {
    // Only a person starts the runner of a person's command.
    let is_persons = ancestor.args.get(1).is_some_and(|verb| verb == "command");
    (is_runner(&ancestor.program) && !is_persons) || is_claude_code(ancestor)
}

/// Whether an ancestor is Claude Code.
pub(crate) fn is_claude_code(ancestor: &Ancestor) -> bool {
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

/// line (CC-80). So the script may be missing from it, and with it each argument that narrows.
pub(crate) fn is_interpreted(process: &Ancestor) -> bool {
    let name = process.program.file_name().unwrap_or_default().to_string_lossy();
    INTERPRETERS.iter().any(|it| name.starts_with(it))
}

#[cfg(test)]
mod tests {
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
            (ancestor("/state/bin/sisyphus-run-0.2.0", &["sisyphus-run", "command"]), false),
            (ancestor("/usr/bin/node", &["node", "server.js"]), false),
            (ancestor("/bin/bash", &["bash", "claude.sh"]), false),
            (ancestor("/usr/bin/tmux", &["tmux"]), false),
        ];
        for (ancestor, expected) in cases {
            assert_eq!(is_of_session(&ancestor), expected, "{ancestor:?}");
        }
    }
}

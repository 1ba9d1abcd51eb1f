//! The project of a command that names none.

use std::path::PathBuf;

use sisyphus_base::environment::Environment;

/// The folder that Claude Code was started in, or else the current one.
pub(crate) fn project_dir() -> Option<PathBuf> {
    #[expect(clippy::disallowed_methods, reason = "at a prompt the current folder is the project")]
    let current = || std::env::current_dir().ok();
    Environment::read().claude_project_dir.or_else(current)
}

//! The project that a person means who names none.

use std::path::PathBuf;

use sisyphus_base::environment::Environment;

/// The folder that the client was started in, or else the current one.
pub(crate) fn project_dir() -> Option<PathBuf> {
    #[expect(
        clippy::disallowed_methods,
        reason = "a person at a prompt means the folder they are in"
    )]
    let current = || std::env::current_dir().ok();
    Environment::read().claude_project_dir.or_else(current)
}

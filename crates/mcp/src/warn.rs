//! Warnings for the user.

use std::io::Write as _;

/// Claude Code shows standard error to a user who debugs a server.
pub(crate) fn warn(error: &anyhow::Error) {
    let _ = writeln!(std::io::stderr(), "sisyphus-mcp: {error:#}");
}

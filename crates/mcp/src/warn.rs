//! Warnings for the user.

use sisyphus_base::standard_error;

/// Claude Code shows standard error to a user who debugs a server.
pub(crate) fn warn(error: &anyhow::Error) {
    standard_error::write(&format!("sisyphus-mcp: {error:#}\n"));
}

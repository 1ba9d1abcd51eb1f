//! Windows: the shells of Claude Code are not followed there yet, so no test can start one.

pub mod files;
pub mod signals;

/// The name of Claude Code's temporary folder for this user.
pub(crate) fn client_tmp_name() -> String {
    "claude".to_owned()
}

//! Standard error, which several processes of ours may share.

use std::io::{self, Write as _};

/// Writes a text in one call, so that the lines of processes that share standard error stay whole. A formatting macro makes
/// a call for each piece. A failure does no harm: there is no other place to say so.
pub fn write(text: &str) {
    let _ = io::stderr().write_all(text.as_bytes());
}

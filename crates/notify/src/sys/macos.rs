//! macOS: no notification replaces another one, and none is closed.

#![expect(clippy::unnecessary_wraps, reason = "a desktop of another system can fail")]

use std::path::Path;

use anyhow::Result;

use crate::compose::Message;
use crate::osascript;

/// Shows a notification. It has no number.
pub(crate) fn show(message: &Message, _: Option<u32>) -> Result<u32> {
    osascript::show(Path::new("/usr/bin/osascript"), &message.title, &message.body)?;
    Ok(0)
}

/// The program that shows notifications: it is no process of its own.
pub(crate) fn server() -> Result<Option<String>> {
    Ok(None)
}

/// Nothing: a notification has no number there.
pub(crate) fn close(_: &[u32]) -> Result<()> {
    Ok(())
}

pub(crate) fn server_name() -> Result<String> {
    Ok("macOS, if it lets us,".to_owned())
}

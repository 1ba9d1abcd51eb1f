//! Windows: no notification replaces another one, and none is closed.

#![expect(clippy::unnecessary_wraps, reason = "a desktop of another system can fail")]

use anyhow::{Context as _, Result};
use notify_rust::{Notification, Timeout};

use crate::compose::Message;

/// Shows a notification. It has no number.
pub(crate) fn show(message: &Message, _: Option<u32>) -> Result<u32> {
    let mut notification = Notification::new();
    notification.summary(&message.title).body(&message.body).timeout(Timeout::Default);
    notification.show().context("could not show a notification")?;
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
    Ok("Windows, if it lets us,".to_owned())
}

//! The desktop: shows a notification, or returns why not, within seconds.

use std::sync::mpsc::sync_channel;
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result};
use notify_rust::{Notification, Timeout};

use crate::compose::Message;

/// How long a desktop may take to answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// The id of a notification, so that another one can replace it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Shown(u32);

/// Whether there is a desktop, as far as it is known.
#[derive(Debug, Default)]
pub(crate) enum Desktop {
    #[default]
    Untried,
    /// It did not answer, and is not asked again.
    None,
}

impl Desktop {
    /// Shows a notification. It replaces the one at `place`.
    pub(crate) fn show(&mut self, message: &Message, place: Option<Shown>) -> Result<Shown> {
        match self {
            Self::None => anyhow::bail!("no desktop answered before"),
            Self::Untried => {}
        }
        let message = message.clone();
        let shown = in_time(move || show(&message, place));
        if shown.is_err() {
            *self = Self::None;
        }
        shown
    }
}

/// The name of the program that shows notifications.
pub(crate) fn name() -> Result<String> {
    in_time(server)
}

/// If the desktop does not answer, the thread that asks it is left behind: this process exits soon.
fn in_time<T: Send + 'static>(ask: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    let (sender, receiver) = sync_channel(1);
    thread::Builder::new()
        .spawn(move || drop(sender.send(ask())))
        .context("could not start a thread")?;
    receiver
        .recv_timeout(PATIENCE)
        .with_context(|| format!("the desktop did not answer within {} s", PATIENCE.as_secs()))?
}

fn show(message: &Message, place: Option<Shown>) -> Result<Shown> {
    let mut notification = Notification::new();
    notification
        .appname("Sisyphus")
        .summary(&message.title)
        .body(&body(&message.body))
        .timeout(Timeout::Default);
    if let Some(Shown(id)) = place {
        notification.id(id);
    }
    let shown = notification.show().context("could not show a notification")?;
    Ok(id_of(&shown))
}

#[cfg(all(unix, not(target_os = "macos")))]
fn id_of(shown: &notify_rust::NotificationHandle) -> Shown {
    Shown(shown.id())
}

/// On other systems no notification replaces another one.
#[cfg(not(all(unix, not(target_os = "macos"))))]
fn id_of<T>(_: &T) -> Shown {
    Shown(0)
}

/// The text for the desktop: markup is escaped if the desktop interprets it.
#[cfg(all(unix, not(target_os = "macos")))]
fn body(text: &str) -> String {
    let reads_markup = notify_rust::get_capabilities()
        .is_ok_and(|all| all.iter().any(|capability| capability == "body-markup"));
    if reads_markup { escaped(text) } else { text.to_owned() }
}

#[cfg(all(unix, not(target_os = "macos")))]
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(not(all(unix, not(target_os = "macos"))))]
fn body(text: &str) -> String {
    text.to_owned()
}

#[cfg(all(unix, not(target_os = "macos")))]
fn server() -> Result<String> {
    let server = notify_rust::get_server_information().context("could not ask the desktop")?;
    Ok(sisyphus_base::text::for_people(&server.name, 100))
}

#[cfg(not(all(unix, not(target_os = "macos"))))]
fn server() -> Result<String> {
    Ok("the system's own notifications".to_owned())
}

//! The desktop: shows a notification, or returns why not, within seconds.
//!
//! No notification has buttons. A desktop tells a click to the connection that showed the notification, so a process
//! would have to stay for every notification, as long as it stands on the screen.

use std::sync::mpsc::sync_channel;
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result};
use serde::{Deserialize, Serialize};

use crate::compose::Message;
use crate::sys;

/// How long a desktop may take to answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// The id of a notification, so that another one can replace it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
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
        let message = message.clone();
        self.ask(move || sys::show(&message, place.map(|it| it.0)).map(Shown))
    }

    /// The program that shows notifications, if it runs already: the ids are its own.
    pub(crate) fn server(&mut self) -> Result<Option<String>> {
        self.ask(sys::server)
    }

    /// Takes notifications from the screen.
    pub(crate) fn close(&mut self, all: &[Shown]) -> Result<()> {
        let ids: Vec<u32> = all.iter().map(|it| it.0).collect();
        if ids.is_empty() { Ok(()) } else { self.ask(move || sys::close(&ids)) }
    }

    fn ask<T: Send + 'static>(
        &mut self,
        question: impl FnOnce() -> Result<T> + Send + 'static,
    ) -> Result<T> {
        match self {
            Self::None => anyhow::bail!("no desktop answered before"),
            Self::Untried => {}
        }
        let answer = in_time(question);
        if answer.is_err() {
            *self = Self::None;
        }
        answer
    }
}

/// The name and the version of the program that shows notifications.
pub(crate) fn name() -> Result<String> {
    in_time(sys::server_name)
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

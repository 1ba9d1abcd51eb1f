//! Reads the state in the background: a lock that is held, or a slow disk, holds up no key.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};

use crate::backend::{Backend, Snapshot};
use crate::event::Event;

/// The time between two looks.
const PAUSE: Duration = Duration::from_secs(1);

/// Starts it. It reads everything once a second, and the output of the newest task from `watched` at once, until the
/// other end of that is gone.
pub(crate) fn start(
    backend: Arc<dyn Backend>,
    watched: Receiver<Option<String>>,
    events: Sender<Event>,
) -> Result<()> {
    let work = move || {
        let (mut id, mut next) = (None, Instant::now());
        loop {
            match watched.recv_timeout(next.saturating_duration_since(Instant::now())) {
                Ok(newest) => id = watched.try_iter().last().unwrap_or(newest),
                Err(RecvTimeoutError::Timeout) => {
                    let _ = events.send(Event::Read(read(&*backend)));
                    next = Instant::now() + PAUSE;
                }
                Err(RecvTimeoutError::Disconnected) => return,
            }
            if let Some(id) = id.clone() {
                let lines = backend.tail(&id);
                let _ = events.send(Event::Tail(id, lines));
            }
        }
    };
    let thread = thread::Builder::new().name("reader".to_owned()).spawn(work);
    thread.context("could not start a thread").map(drop)
}

fn read(backend: &dyn Backend) -> Result<Snapshot, String> {
    backend.read().map_err(|error| format!("{error:#}"))
}

/// Does something that may take its time, and reports what it returns.
pub(crate) fn act(
    events: &Sender<Event>,
    action: impl FnOnce() -> Result<String> + Send + 'static,
) {
    let sender = events.clone();
    let work = move || {
        let said = action().unwrap_or_else(|error| format!("{error:#}"));
        let _ = sender.send(Event::Said(said));
    };
    if let Err(error) = thread::Builder::new().name("action".to_owned()).spawn(work) {
        let _ = events.send(Event::Said(format!("could not start a thread: {error}")));
    }
}

//! Reads standard input itself: what ratatui brings for that spins when the terminal is gone.

use std::io::{self, Read as _};
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result};
use sisyphus_process::{Notice, Signals, exit_as};
use sisyphus_tasks::run::Exit;

use crate::key::{Key, Keyboard};

/// How long the dashboard has to end by itself. It can't while a terminal that takes no output blocks it.
const GRACE: Duration = Duration::from_secs(2);

/// Passes keys to `press` until the terminal is gone. `None` says so. `press` returns whether to go on.
pub(crate) fn read_keys(press: impl Fn(Option<Key>) -> bool + Send + 'static) -> Result<()> {
    let read = move || {
        let (mut keyboard, mut piece) = (Keyboard::default(), [0; 1024]);
        loop {
            let count = match io::stdin().lock().read(&mut piece) {
                Ok(0) => break,
                Ok(count) => count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(_) => break,
            };
            if !keyboard.press(&piece[..count]).into_iter().all(|key| press(Some(key))) {
                return;
            }
        }
        press(None);
    };
    let thread = thread::Builder::new().name("keys".to_owned()).spawn(read);
    thread.context("could not start a thread").map(drop)
}

/// Passes the numbers of signals to `end`. If that does not end this process soon, the signal does.
pub(crate) fn forward_signals(end: impl Fn(i32) + Send + 'static) -> Result<()> {
    let mut signals = Signals::collect()?;
    let wait = move || {
        while let Ok(notice) = signals.wait(None) {
            let Notice::Signal { number, .. } = notice else { continue };
            end(number);
            thread::park_timeout(GRACE);
            let _ = ratatui::crossterm::terminal::disable_raw_mode();
            exit_as(Exit::Signal(number));
        }
    };
    let thread = thread::Builder::new().name("signals".to_owned()).spawn(wait);
    thread.context("could not start a thread").map(drop)
}

//! Waits for keys, for what was read and for signals, and draws when something has changed.

use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::time::Duration;

use anyhow::Result;

use crate::backend::Backend;
use crate::event::Event;
use crate::key::Key;
use crate::model::{Action, Model, Question, Verb};
use crate::palette::Palette;
use crate::screen::Screen;
use crate::{sys, worker};

/// How often the size of the terminal is looked at. It changes without an event.
const LOOK: Duration = Duration::from_millis(250);

/// How the dashboard ended. Without its terminal, nothing is left to say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    Quit,
    Gone,
    Signal(i32),
}

/// What to do after an event.
enum Next {
    Wait,
    Draw,
    Redraw,
    End(Exit),
}

/// Shows the dashboard until it is left. Standard input and output are a terminal.
pub fn run(backend: Arc<dyn Backend>, palette: Palette) -> Result<Exit> {
    let (sender, events) = channel();
    let (watch, watched) = channel();
    let signals = sender.clone();
    sys::forward_signals(move |number| drop(signals.send(Event::Signal(number))))?;
    // Dropped last, so that the terminal is given back after everything else.
    let mut screen = Screen::enter(palette)?;
    let keys = sender.clone();
    sys::read_keys(move |key| keys.send(key.map_or(Event::Gone, Event::Key)).is_ok())?;
    worker::start(Arc::clone(&backend), watched, sender.clone())?;

    let mut dashboard = Dashboard { model: Model::default(), backend, sender };
    let mut shown: Option<String> = None;
    let mut next = Next::Draw;
    loop {
        let drawn = match next {
            Next::Wait => Ok(()),
            Next::Draw => screen.draw(&dashboard.model),
            Next::Redraw => screen.redraw(&dashboard.model),
            Next::End(exit) => return Ok(exit),
        };
        if drawn.is_err() {
            return Ok(Exit::Gone);
        }
        next = match events.recv_timeout(LOOK) {
            Ok(event) => dashboard.handle(event),
            Err(RecvTimeoutError::Timeout) if screen.is_resized() => Next::Draw,
            Err(RecvTimeoutError::Timeout) => Next::Wait,
            Err(RecvTimeoutError::Disconnected) => Next::End(Exit::Gone),
        };
        let chosen = dashboard.model.chosen().map(|row| row.id.clone());
        if chosen != shown {
            let _ = watch.send(chosen.clone());
            shown = chosen;
        }
    }
}

struct Dashboard {
    model: Model,
    backend: Arc<dyn Backend>,
    sender: Sender<Event>,
}

impl Dashboard {
    fn handle(&mut self, event: Event) -> Next {
        let has_changed = match event {
            Event::Key(key) => return self.act(key),
            Event::Signal(number) => return Next::End(Exit::Signal(number)),
            Event::Gone => return Next::End(Exit::Gone),
            Event::Read(Ok(snapshot)) => self.model.update(snapshot),
            Event::Tail(id, lines) => self.model.update_tail(id, lines),
            Event::Read(Err(sentence)) | Event::Said(sentence) => {
                self.model.say(sentence);
                true
            }
        };
        if has_changed { Next::Draw } else { Next::Wait }
    }

    fn act(&mut self, key: Key) -> Next {
        match self.model.press(key) {
            Action::None => {}
            Action::Quit => return Next::End(Exit::Quit),
            Action::Redraw => return Next::Redraw,
            Action::AskRestart(id) => match self.backend.restart_preview(&id) {
                Ok(lines) => self.model.ask(Question { verb: Verb::Restart, id, lines }),
                Err(error) => self.model.say(format!("{error:#}")),
            },
            Action::Do(verb, id) => {
                let backend = Arc::clone(&self.backend);
                worker::act(&self.sender, move || match verb {
                    Verb::Cancel => backend.cancel(&id),
                    Verb::Restart => backend.restart(&id),
                });
            }
        }
        Next::Draw
    }
}

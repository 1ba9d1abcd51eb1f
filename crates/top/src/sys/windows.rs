//! Takes keys as events of the console. Never tried.

use std::thread;

use anyhow::{Context as _, Result};
use ratatui::crossterm::event::{self, Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};

use crate::key::Key;

/// Passes keys to `press` until the terminal is gone. `None` says so. `press` returns whether to go on.
pub(crate) fn read_keys(press: impl Fn(Option<Key>) -> bool + Send + 'static) -> Result<()> {
    let read = move || {
        while let Ok(event) = event::read() {
            let Event::Key(pressed) = event else { continue };
            if key(pressed).is_some_and(|key| !press(Some(key))) {
                return;
            }
        }
        press(None);
    };
    let thread = thread::Builder::new().name("keys".to_owned()).spawn(read);
    thread.context("could not start a thread").map(drop)
}

/// There are no signals.
#[expect(clippy::unnecessary_wraps, reason = "it can fail on other systems")]
pub(crate) fn forward_signals(_: impl Fn(i32) + Send + 'static) -> Result<()> {
    Ok(())
}

#[expect(clippy::wildcard_enum_match_arm, reason = "most keys mean nothing")]
fn key(pressed: KeyEvent) -> Option<Key> {
    if pressed.kind == KeyEventKind::Release {
        return None;
    }
    let is_control = pressed.modifiers.contains(KeyModifiers::CONTROL);
    Some(match pressed.code {
        KeyCode::Char('c') if is_control => Key::Interrupt,
        KeyCode::Char('l') if is_control => Key::Redraw,
        KeyCode::Char(it) if !is_control => Key::Char(it),
        KeyCode::Up => Key::Up,
        KeyCode::Down => Key::Down,
        KeyCode::PageUp => Key::PageUp,
        KeyCode::PageDown => Key::PageDown,
        KeyCode::Home => Key::Home,
        KeyCode::End => Key::End,
        KeyCode::Enter => Key::Enter,
        KeyCode::Backspace => Key::Backspace,
        KeyCode::Esc => Key::Escape,
        _ => return None,
    })
}

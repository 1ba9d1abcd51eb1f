//! The terminal while the dashboard has it, and how it is given back.

use std::io::{self, Stdout};
use std::mem::ManuallyDrop;
use std::panic;

use anyhow::{Context as _, Result};
use ratatui::Terminal;
use ratatui::backend::CrosstermBackend;
use ratatui::crossterm::cursor::{Hide, Show};
use ratatui::crossterm::execute;
use ratatui::crossterm::terminal::{
    EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode, enable_raw_mode, size,
};
use ratatui::layout::Rect;

use crate::draw;
use crate::model::Model;
use crate::palette::Palette;

/// The terminal in raw mode, with its other screen. Dropping it gives the terminal back.
pub(crate) struct Screen {
    /// Never dropped: it complains on standard error if the terminal is gone, and panics if that is gone too.
    terminal: ManuallyDrop<Terminal<CrosstermBackend<Stdout>>>,
    palette: Palette,
    drawn_at: (u16, u16),
}

impl Screen {
    pub(crate) fn enter(palette: Palette) -> Result<Self> {
        let context = || "could not draw on the terminal";
        // A panic may end the process without dropping anything. Its message comes after the terminal is back.
        let report = panic::take_hook();
        panic::set_hook(Box::new(move |panicked| {
            leave();
            report(panicked);
        }));
        enable_raw_mode().with_context(context)?;
        let entered = execute!(stdout(), EnterAlternateScreen, Hide)
            .and_then(|()| Terminal::new(CrosstermBackend::new(stdout())));
        match entered {
            Ok(terminal) => {
                Ok(Self { terminal: ManuallyDrop::new(terminal), palette, drawn_at: (0, 0) })
            }
            Err(error) => {
                leave();
                Err(error).with_context(context)
            }
        }
    }

    /// Draws what has changed. An error means that the terminal is gone.
    pub(crate) fn draw(&mut self, model: &Model) -> io::Result<()> {
        let palette = self.palette;
        self.drawn_at = size()?;
        self.terminal.draw(|frame| draw::draw(frame, model, palette)).map(drop)
    }

    /// Draws everything again, over whatever else was written there.
    pub(crate) fn redraw(&mut self, model: &Model) -> io::Result<()> {
        // `clear` would ask the terminal where its cursor is, and the answer would arrive among the keys.
        let (width, height) = size()?;
        self.terminal.resize(Rect::new(0, 0, width, height))?;
        self.draw(model)
    }

    /// Whether the terminal has another size than the last drawing.
    pub(crate) fn is_resized(&self) -> bool {
        size().is_ok_and(|size| size != self.drawn_at)
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        leave();
    }
}

/// Gives the terminal back. If it is gone, there is nothing to give back.
fn leave() {
    let _ = disable_raw_mode();
    let _ = execute!(stdout(), LeaveAlternateScreen, Show);
}

#[expect(clippy::disallowed_methods, reason = "this is the one place where the dashboard draws")]
fn stdout() -> Stdout {
    io::stdout()
}

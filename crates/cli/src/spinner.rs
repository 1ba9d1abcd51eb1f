//! One line on standard error that shows progress, drawn on a terminal only.

use std::time::Instant;

use sisyphus_tasks::outcome::duration;

use crate::print;
use crate::screen::{any_size, fit};

const FRAMES: [char; 10] = ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏'];
/// Moves to the start of the line and clears it.
const CLEAR: &str = "\r\u{1b}[K";

/// The line.
#[derive(Debug)]
pub(crate) struct Spinner {
    begin: Instant,
    frame: usize,
    is_drawn: bool,
}

impl Spinner {
    pub(crate) fn new() -> Self {
        Self { begin: Instant::now(), frame: 0, is_drawn: false }
    }

    /// Draws the next frame. The text must be cleaned.
    pub(crate) fn turn(&mut self, text: &str) {
        if !print::is_error_to_terminal() {
            return;
        }
        let elapsed = u64::try_from(self.begin.elapsed().as_millis()).unwrap_or(u64::MAX);
        let line = format!("{} {}  {text}", FRAMES[self.frame], duration(elapsed));
        self.frame = (self.frame + 1) % FRAMES.len();
        self.is_drawn = true;
        // One cell stays free: some terminals begin a new line after the last one.
        print::draw(&format!("{CLEAR}{}", fit(&line, any_size().width - 1)));
    }

    /// Removes the line, before other output.
    pub(crate) fn clear(&mut self) {
        if std::mem::take(&mut self.is_drawn) {
            print::draw(CLEAR);
        }
    }
}

impl Drop for Spinner {
    fn drop(&mut self) {
        self.clear();
    }
}

//! Lines on a terminal that are redrawn in place.

use anyhow::Result;

use crate::print::{self, Reader};
use crate::screen::Size;

/// Lines below the earlier output.
#[derive(Debug, Default)]
pub(crate) struct Canvas {
    /// How many lines were drawn last, and the width of the terminal then.
    before: Option<Size>,
}

impl Canvas {
    /// Draws over the previous lines, as many lines as the terminal shows. Each line must fit the width.
    pub(crate) fn draw(&mut self, lines: &[String], size: Size) -> Result<Reader> {
        // One line stays free for the cursor: a line that has scrolled away can't be drawn over.
        let shown = &lines[..lines.len().min(size.height.saturating_sub(1).max(1))];
        let text: String = shown.iter().map(|line| format!("{line}\n")).collect();
        let reader = print::bytes((self.go_back(size) + &text).as_bytes())?;
        self.before = Some(Size { height: shown.len(), width: size.width });
        Ok(reader)
    }

    /// Moves the cursor to the start of the drawing and clears everything after it.
    fn go_back(&self, size: Size) -> String {
        match &self.before {
            None => String::new(),
            // On a narrower terminal the old lines may have wrapped into more lines.
            Some(drawn) if drawn.width != size.width => "\u{1b}[H\u{1b}[2J".to_owned(),
            Some(drawn) => format!("\u{1b}[{}A\r\u{1b}[J", drawn.height),
        }
    }
}

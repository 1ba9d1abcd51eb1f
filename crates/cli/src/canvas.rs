//! Lines on a terminal that are drawn anew in their place.

use anyhow::Result;

use crate::print::{self, Reader};
use crate::screen::Size;

/// The place on the terminal, below what was printed before.
#[derive(Debug, Default)]
pub(crate) struct Canvas {
    before: Option<Drawn>,
}

/// What stands there.
#[derive(Debug)]
struct Drawn {
    lines: usize,
    width: usize,
}

impl Canvas {
    /// Draws lines that fit the width over those that stand there, as many as the terminal shows.
    pub(crate) fn draw(&mut self, lines: &[String], size: Size) -> Result<Reader> {
        // One line stays free for the cursor: what has scrolled away can't be drawn over.
        let shown = &lines[..lines.len().min(size.height.saturating_sub(1).max(1))];
        let text: String = shown.iter().map(|line| format!("{line}\n")).collect();
        let reader = print::bytes((self.go_back(size) + &text).as_bytes())?;
        self.before = Some(Drawn { lines: shown.len(), width: size.width });
        Ok(reader)
    }

    /// Puts the cursor where the next drawing begins, and clears what is behind it.
    fn go_back(&self, size: Size) -> String {
        match &self.before {
            None => String::new(),
            // Narrower, the old lines may have become more.
            Some(drawn) if drawn.width != size.width => "\u{1b}[H\u{1b}[2J".to_owned(),
            Some(drawn) => format!("\u{1b}[{}A\r\u{1b}[J", drawn.lines),
        }
    }
}

//! How large a terminal is, and making text fit into it.

use terminal_size::{Height, Width, terminal_size};
use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

/// The size of a terminal, in cells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Size {
    pub(crate) width: usize,
    pub(crate) height: usize,
}

/// No layout fits a narrower terminal; there the terminal breaks the lines itself.
const LEAST_WIDTH: usize = 20;
/// The assumed size of a terminal that does not report one.
const USUAL: Size = Size { width: 80, height: 24 };

/// The size of the terminal on standard output; `None` if it is not a terminal.
pub(crate) fn size() -> Option<Size> {
    crate::print::is_to_terminal().then(any_size)
}

/// The width of the terminal on standard output; `None` if it is not a terminal.
pub(crate) fn width_of_output() -> Option<usize> {
    size().map(|size| size.width)
}

/// The size of the terminal on standard output or standard error.
pub(crate) fn any_size() -> Size {
    match terminal_size() {
        // A pseudo-terminal whose size was never set reports 0.
        Some((Width(width), Height(height))) if width > 0 && height > 0 => {
            Size { width: usize::from(width).max(LEAST_WIDTH), height: usize::from(height) }
        }
        Some(_) | None => USUAL,
    }
}

/// How many cells a text takes.
pub(crate) fn width(text: &str) -> usize {
    text.width()
}

/// The text, cut with `…` if it takes more than `most` cells.
pub(crate) fn fit(text: &str, most: usize) -> String {
    if width(text) <= most {
        return text.to_owned();
    }
    let mut taken = 0;
    let fits = |character: &char| {
        taken += character.width().unwrap_or(0);
        taken < most
    };
    let mut cut: String = text.chars().take_while(fits).collect();
    if most > 0 {
        cut.push('…');
    }
    cut
}

/// The text, padded with spaces at the end to `wanted` cells.
pub(crate) fn pad(text: &str, wanted: usize) -> String {
    format!("{text}{}", " ".repeat(wanted.saturating_sub(width(text))))
}

/// The text, padded with spaces at the start to `wanted` cells.
pub(crate) fn pad_left(text: &str, wanted: usize) -> String {
    format!("{}{text}", " ".repeat(wanted.saturating_sub(width(text))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_cut_takes_no_more_than_it_may() {
        let cases = [
            ("abc", 3, "abc"),
            ("abcd", 3, "ab…"),
            ("日本語", 6, "日本語"),
            ("日本語", 5, "日本…"),
            ("日本語", 4, "日…"),
            ("a", 0, ""),
            ("ab", 1, "…"),
        ];
        for (text, most, expected) in cases {
            assert_eq!(fit(text, most), expected, "{text} in {most}");
            assert!(width(&fit(text, most)) <= most, "{text} in {most}");
        }
        assert_eq!((pad("日", 4), pad_left("日", 4)), ("日  ".to_owned(), "  日".to_owned()));
        assert_eq!(pad("abc", 2), "abc");
    }
}

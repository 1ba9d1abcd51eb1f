//! Breaks text where a terminal would.

use unicode_width::UnicodeWidthChar as _;

/// The text in pieces of at most so many cells. An empty text is one empty piece.
pub(super) fn wrapped(text: &str, width: u16) -> Vec<String> {
    let width = usize::from(width.max(1));
    let (mut pieces, mut taken) = (vec![String::new()], 0);
    for character in text.chars() {
        let cells = character.width().unwrap_or_default();
        if taken + cells > width {
            pieces.push(String::new());
            taken = 0;
        }
        taken += cells;
        if let Some(last) = pieces.last_mut() {
            last.push(character);
        }
    }
    pieces
}

/// So many lines as a height.
pub(super) fn height_of(lines: usize) -> u16 {
    u16::try_from(lines).unwrap_or(u16::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_broken_between_characters() {
        let cases: [(&str, u16, &[&str]); 6] = [
            ("", 5, &[""]),
            ("abc", 5, &["abc"]),
            ("abcdef", 3, &["abc", "def"]),
            ("日本語", 5, &["日本", "語"]),
            ("ae\u{301}x", 2, &["ae\u{301}", "x"]),
            ("ab", 0, &["a", "b"]),
        ];
        for (text, width, expected) in cases {
            assert_eq!(wrapped(text, width), expected, "{text} in {width}");
        }
    }
}

//! Makes foreign output harmless to a terminal, piece by piece. Text, tabs, line breaks and colours pass.
//!
//! A terminal obeys what it receives: it moves the cursor over earlier text, sets its title, fills the clipboard, or
//! answers as if the user had typed. A task's output may hold anything, so only sequences that are known to be harmless
//! pass.

use std::mem;

/// The longest parameter list of a colour, in bytes.
const PARAMETERS: usize = 64;

/// Passes harmless output. A piece may end in the middle of an escape sequence or a character.
#[derive(Debug, Default)]
pub(crate) struct Filter {
    state: State,
    /// The bytes of an incomplete character.
    undecoded: Vec<u8>,
    /// A colour was set and not reset.
    is_coloured: bool,
}

/// What the next character belongs to.
#[derive(Debug, Default, PartialEq, Eq)]
enum State {
    #[default]
    Text,
    /// Text after a carriage return. A redrawn line becomes a new line here, so that no earlier text is hidden.
    Return,
    /// After ESC.
    Escape,
    /// After ESC and a character that announces one more, as in the choice of a character set.
    OneMore,
    /// In a control sequence: its parameters so far, `None` if it can't be a colour.
    Control(Option<String>),
    /// In a text for the terminal itself: a title, a link, the clipboard.
    Message,
    /// After an ESC in such a text.
    MessageEscape,
}

impl Filter {
    /// Returns the harmless part of the next piece.
    pub(crate) fn pass(&mut self, piece: &[u8]) -> String {
        let mut bytes = mem::take(&mut self.undecoded);
        bytes.extend_from_slice(piece);
        let mut passed = String::with_capacity(bytes.len());
        let mut chunks = bytes.utf8_chunks().peekable();
        while let Some(chunk) = chunks.next() {
            chunk.valid().chars().for_each(|character| self.take(character, &mut passed));
            let broken = chunk.invalid();
            if chunks.peek().is_none() && is_incomplete(broken) {
                self.undecoded = broken.to_vec();
            } else if !broken.is_empty() {
                self.take(char::REPLACEMENT_CHARACTER, &mut passed);
            }
        }
        passed
    }

    /// Returns what is left to print at the end. It resets the colours.
    pub(crate) fn finish(mut self) -> String {
        let mut passed = String::new();
        if !self.undecoded.is_empty() {
            self.take(char::REPLACEMENT_CHARACTER, &mut passed);
        }
        if self.is_coloured {
            passed.push_str("\u{1b}[0m");
        }
        passed
    }

    fn take(&mut self, character: char, passed: &mut String) {
        self.state = match (mem::take(&mut self.state), character) {
            (State::Message, '\u{7}' | '\u{9c}') | (State::MessageEscape, '\\') => State::Text,
            (State::Message, '\u{1b}') => State::MessageEscape,
            // An unterminated text loses its own line, not the rest of the output.
            (State::Message, '\n') => show(character, passed),
            (State::Message, _) => State::Message,

            (State::Escape | State::MessageEscape, '[') => State::Control(Some(String::new())),
            (State::Escape | State::MessageEscape, ']' | 'P' | 'X' | '^' | '_') => State::Message,
            (State::Escape | State::MessageEscape | State::OneMore, ' '..='/') => State::OneMore,
            (State::Escape | State::MessageEscape | State::OneMore, '0'..='~') => State::Text,

            (State::Control(Some(mut parameters)), '0'..=';') => {
                parameters.push(character);
                State::Control(Some(parameters).filter(|text| text.len() <= PARAMETERS))
            }
            (State::Control(Some(parameters)), 'm') => {
                self.is_coloured = !parameters.chars().all(|it| matches!(it, '0' | ';'));
                passed.push_str(&format!("\u{1b}[{parameters}m"));
                State::Text
            }
            (State::Control(_), ' '..='?') => State::Control(None),
            (State::Control(_), '@'..='~') => State::Text,

            (State::Return, '\r') => State::Return,
            (State::Return, character) => {
                if character != '\n' {
                    passed.push('\n');
                }
                show(character, passed)
            }
            // A character that no sequence can hold ends the sequence.
            (
                State::Text
                | State::Escape
                | State::MessageEscape
                | State::OneMore
                | State::Control(_),
                _,
            ) => show(character, passed),
        };
    }
}

/// Whether these bytes may be the beginning of a character.
fn is_incomplete(bytes: &[u8]) -> bool {
    std::str::from_utf8(bytes).is_err_and(|error| error.error_len().is_none())
}

/// Handles a character outside of escape sequences.
fn show(character: char, passed: &mut String) -> State {
    match character {
        '\u{1b}' => return State::Escape,
        '\r' => return State::Return,
        '\t' | '\n' => passed.push(character),
        _ if character.is_control() || is_deceptive(character) => {}
        _ => passed.push(character),
    }
    State::Text
}

/// Characters that reverse the direction of text, or are invisible.
fn is_deceptive(character: char) -> bool {
    matches!(
        character,
        '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
            | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}'
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filtered(pieces: &[&[u8]]) -> String {
        let mut filter = Filter::default();
        let passed: String = pieces.iter().map(|piece| filter.pass(piece)).collect();
        passed + &filter.finish()
    }

    const CASES: [(&str, &str); 30] = [
        ("plain text\n\ttab\n", "plain text\n\ttab\n"),
        ("naïve ﬁn 日本語 👍🏽 a\u{301}", "naïve ﬁn 日本語 👍🏽 a\u{301}"),
        // Colours pass, and end with the output.
        ("\x1b[31mred\x1b[0m", "\x1b[31mred\x1b[0m"),
        ("\x1b[1;38;5;4mbold", "\x1b[1;38;5;4mbold\x1b[0m"),
        ("\x1b[38:2::1:2:3mrgb\x1b[m", "\x1b[38:2::1:2:3mrgb\x1b[m"),
        // Whatever else a control sequence does: clear, move, report, change modes.
        ("a\x1b[2Jb\x1b[1;1Hc\x1b[6nd\x1b[?1049he\x1b[>4;2mf\x1b[!pg\x1b[1 qh", "abcdefgh"),
        ("\x1b[?31mx\x1b[31 mx", "xx"),
        // Titles, links, the clipboard, device control, private messages; ended in either way.
        ("\x1b]0;title\x07a\x1b]8;;http://x\x1b\\b\x1b]52;c;cm0=\x07c", "abc"),
        ("\x1bP+q544e\x1b\\a\x1bXsos\x1b\\b\x1b^pm\x1b\\c\x1b_apc\x1b\\d", "abcd"),
        ("\x1b]0;\u{9c}a", "a"),
        ("\x1b]0;no end\nthe next line", "\nthe next line"),
        ("\x1b]0;other\x1b[31mred\x1b[m", "\x1b[31mred\x1b[m"),
        // Character sets, reset, saved cursors.
        ("\x1b(Ba\x1b)0b\x1b%Gc\x1b#8d\x1bce\x1b7f\x1b=g\x1b   h", "abcdefg"),
        // Eight-bit controls.
        ("a\u{9b}2Jb\u{9d}0;t\u{7}c\u{90}d", "a2Jb0;tcd"),
        ("a\x08b\x07c\x00d\x7fe\x0bf\x0cg\x0eh\x05i", "abcdefghi"),
        // What is drawn over stays to be seen.
        ("10%\r50%\r100%\r\ndone\r\n", "10%\n50%\n100%\ndone\n"),
        ("rm -rf /\r\x1b[Kls", "rm -rf /\nls"),
        ("a\r\r\nb", "a\nb"),
        ("a\r", "a"),
        ("safe\u{202e}txt.exe\u{200b}\u{2066}", "safetxt.exe"),
        // A sequence that is broken off by what it can't hold.
        ("\x1b[31\nx", "\nx"),
        ("\x1b[31\x1b[32mx\x1b[m", "\x1b[32mx\x1b[m"),
        ("\x1b\x1b[32mx\x1b[0m", "\x1b[32mx\x1b[0m"),
        ("\x1b[3ä1m", "ä1m"),
        ("\x1b\nx", "\nx"),
        ("\x1b(\nx", "\nx"),
        ("\x1b[", ""),
        ("\x1b", ""),
        ("\x1b]0;", ""),
        ("", ""),
    ];

    #[test]
    fn what_passes_is_text_and_colours() {
        for (output, expected) in CASES {
            assert_eq!(filtered(&[output.as_bytes()]), expected, "{output:?}");
        }
    }

    #[test]
    fn it_does_not_matter_where_it_is_cut() {
        for (output, expected) in CASES {
            for cut in 0..=output.len() {
                let (before, behind) = output.as_bytes().split_at(cut);
                assert_eq!(filtered(&[before, behind]), expected, "{output:?} at {cut}");
            }
            let single: Vec<&[u8]> = output.as_bytes().chunks(1).collect();
            assert_eq!(filtered(&single), expected, "{output:?}");
        }
    }

    #[test]
    fn bytes_that_are_no_text_are_replaced() {
        assert_eq!(filtered(&[b"a\xff\xfeb\xc3"]), "a\u{fffd}\u{fffd}b\u{fffd}");
        assert_eq!(filtered(&[b"a\xe2\x80", b"x\xc3", b"\xa4"]), "a\u{fffd}xä");
        // An eight-bit control as one byte.
        assert_eq!(filtered(&[b"\x9b2J"]), "\u{fffd}2J");
    }

    #[test]
    fn a_colour_that_needs_too_many_words_is_none() {
        let long = format!("\x1b[{}mx", "1;".repeat(PARAMETERS));
        assert_eq!(filtered(&[long.as_bytes()]), "x");
    }
}

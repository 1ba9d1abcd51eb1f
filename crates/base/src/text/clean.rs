//! Makes a line of foreign output harmless: no escape sequences, no control or direction characters, no tag that has a
//! meaning to Claude Code.

use super::cut::{cut_middle, ends, join, mark};

/// How much of a line is read, in bytes, half of it at either end: the cost of a line must not grow with its length.
const LOOKED_AT: usize = 8 * 1024;

/// A line made harmless.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cleaned {
    Whole(String),
    /// Its middle is missing, and a mark replaces it.
    Cut(String),
}

impl Cleaned {
    fn into_text(self) -> String {
        match self {
            Self::Whole(text) | Self::Cut(text) => text,
        }
    }
}

/// Returns `line` as plain text of at most `max` characters. A longer one is cut in the middle, with a count.
pub fn clean_line(line: &[u8], max: usize) -> String {
    clean(line, max).into_text()
}

/// Like [`clean_line`], for text that may have several lines: the result is one line.
pub fn one_line(text: &str, max: usize) -> String {
    clean_drawn(text.as_bytes(), max, |part| part).into_text()
}

/// The whole of a text as lists show it. What people copy from there is compared with this.
pub fn shown(text: &str) -> String {
    plain(text.as_bytes()).replace('\t', " ")
}

/// Like [`one_line`], for text that no model reads. There a tag is only text, and stays as it is.
pub fn for_people(text: &str, max: usize) -> String {
    let looked_at: String = text.chars().take(LOOKED_AT).collect();
    cut_middle(&strip_controls(&looked_at).replace('\t', " "), max)
}

/// Like [`clean_line`], and also returns whether the line was cut.
pub fn clean(line: &[u8], max: usize) -> Cleaned {
    clean_drawn(last_drawing(line), max, last_drawing)
}

/// Like [`clean`], for a line of which only the part that `draw` returns is shown.
fn clean_drawn(line: &[u8], max: usize, draw: fn(&[u8]) -> &[u8]) -> Cleaned {
    let Some((head, tail)) = ends(line, LOOKED_AT) else {
        let text = plain(line);
        return if text.chars().count() <= max {
            Cleaned::Whole(text)
        } else {
            Cleaned::Cut(cut_middle(&text, max))
        };
    };
    // The middle is not read, so its number of characters is unknown.
    let unread = line.len() - head.len() - tail.len();
    let mark = mark(&format!("at least {unread} bytes"), max);
    Cleaned::Cut(join(&plain(draw(head)), &plain(tail), &mark, max))
}

fn plain(part: &[u8]) -> String {
    escape_tags(&strip_controls(&String::from_utf8_lossy(part)))
}

/// A progress bar redraws its line after a carriage return, and a person sees only the last drawing. If the last
/// drawing begins further from the end than is read, the whole line counts as one drawing.
fn last_drawing(line: &[u8]) -> &[u8] {
    let near = &line[line.len().saturating_sub(LOOKED_AT)..];
    let is_return = |byte: &u8| *byte == b'\r';
    let trailing = near.iter().rev().take_while(|byte| is_return(byte)).count();
    let line = &line[..line.len() - trailing];
    let near = &near[..near.len() - trailing];
    let drawn = near.iter().rposition(is_return).map_or(line.len(), |at| near.len() - at - 1);
    &line[line.len() - drawn..]
}

/// Removes ANSI escape sequences and every character that is not meant to be seen.
fn strip_controls(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '\u{1b}' => match characters.next() {
                // CSI: parameters and intermediates up to a final byte.
                Some('[') => {
                    while characters.next().is_some_and(|inner| !matches!(inner, '@'..='~')) {}
                }
                // OSC, DCS, SOS, PM, APC: up to BEL or ST.
                Some(']' | 'P' | 'X' | '^' | '_') => {
                    while let Some(inner) = characters.next() {
                        if inner == '\u{7}'
                            || (inner == '\u{1b}' && characters.next_if_eq(&'\\').is_some())
                        {
                            break;
                        }
                    }
                }
                // A two-character sequence: both characters are removed.
                Some(_) | None => {}
            },
            '\t' => plain.push(character),
            // Blanks of every width, and the blank of Braille, which is a symbol.
            '\n' | '\r' | '\u{2800}' => plain.push(' '),
            _ if is_invisible(character) => {}
            _ if character.is_whitespace() && !character.is_control() => plain.push(' '),
            _ if character.is_control() => {}
            _ => plain.push(character),
        }
    }
    plain
}

/// Characters that change how others are shown, take no room, or are drawn as nothing: text could be hidden between
/// them or in them. Emoji lose their joiners and style selectors too, and remain as their separate parts. The ranges
/// cover whole blocks, because displays also ignore characters there that are not assigned today.
fn is_invisible(character: char) -> bool {
    matches!(
        character,
        // Soft hyphen, grapheme joiner, Arabic letter mark.
        '\u{ad}' | '\u{34f}' | '\u{61c}'
            // Hangul fillers, inherent vowels of Khmer, variation selectors and vowel separator of Mongolian.
            | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}'
            // Zero width, direction, separators of lines, operators that are not drawn.
            | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
            | '\u{3164}' | '\u{ffa0}'
            // Variation selectors, byte order mark, interlinear annotations, the place of an object.
            | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{fff0}'..='\u{fffc}'
            // Controls of hieroglyphs, of shorthand and of musical notation, the filler of Khitan, a note without a head.
            | '\u{13430}'..='\u{1343f}' | '\u{16fe4}'
            | '\u{1bca0}'..='\u{1bca3}' | '\u{1d159}' | '\u{1d173}'..='\u{1d17a}'
            // Tags, and variation selectors again: 256 of them, so one can stand for any byte.
            | '\u{e0000}'..='\u{e0fff}'
    )
}

/// `<`, and characters that look like it.
const OPENING: [char; 10] = [
    '<', '\u{2c2}', '\u{1438}', '\u{2039}', '\u{2329}', '\u{276e}', '\u{27e8}', '\u{3008}',
    '\u{fe64}', '\u{ff1c}',
];

/// Writes the `<` of a tag as `&lt;` if the tag could pass for one of Claude Code's or a model's own.
fn escape_tags(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for (index, character) in text.char_indices() {
        let behind = index + character.len_utf8();
        if OPENING.contains(&character) && is_reserved(&text[behind..]) {
            escaped.push_str("&lt;");
        } else {
            escaped.push(character);
        }
    }
    escaped
}

/// Whether the text after a `<` could pass for a tag that means something to a model. Tags of Claude Code and of a
/// model's tool calls begin with one of a few words, or have names of several words, as no element of HTML has. A name
/// with a character beyond ASCII may look like any of them.
fn is_reserved(behind: &str) -> bool {
    const WORDS: [&str; 20] = [
        "agent",
        "antml",
        "assistant",
        "bash-",
        "command-",
        "document",
        "function",
        "human",
        "instruction",
        "invoke",
        "local-command",
        "notification",
        "output",
        "parameter",
        "reminder",
        "result",
        "system",
        "task-",
        "tool",
        "user",
    ];
    const ALONE: [&str; 3] = ["task", "thinking", "error"];
    // Only a few characters are read, so that a line full of `<` and blanks costs no more than any other.
    let near: String = behind.chars().take(32).collect();
    let tag = near.trim_start_matches([' ', '/', '\t']);
    if tag.is_empty() {
        // There are more blanks than are read, and anything may follow them.
        return !near.is_empty() && near.len() < behind.len();
    }
    let is_part = |character: char| {
        character.is_ascii_alphanumeric() || "-_:.".contains(character) || !character.is_ascii()
    };
    let name = &tag[..tag.find(|character| !is_part(character)).unwrap_or(tag.len())];
    let begins =
        |word: &&str| name.get(..word.len()).is_some_and(|start| start.eq_ignore_ascii_case(word));
    // A path, as in `Vec<std::string::String>` and `<stdio.h>`, is not a tag's name. A `<` with a blank behind it
    // begins a line of `diff`.
    let is_path = name.contains("::") || name.contains('.');
    let has_words = name.starts_with(|first: char| first.is_ascii_alphabetic())
        && name.trim_end_matches(':').contains(['-', '_', ':'])
        && !is_path
        && !near.starts_with([' ', '\t']);
    WORDS.iter().any(begins)
        || ALONE.iter().any(|word| name.eq_ignore_ascii_case(word))
        || has_words
        || !name.is_ascii()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_remains_is_what_a_person_would_see() {
        let cases: [(&[u8], &str); 14] = [
            (b"plain text", "plain text"),
            (b"\x1b[31mred\x1b[0m and \x1b[1;38;5;4mbold\x1b[m", "red and bold"),
            (b"\x1b]0;title\x07shown", "shown"),
            (b"\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\", "link"),
            (b"\x1b(Bcharset", "Bcharset"),
            (b"10%\r50%\r100%\r", "100%"),
            (b"a\x07b\x00c\x7fd", "abcd"),
            (b"tab\tstays", "tab\tstays"),
            (b"\xff\xfe bytes", "\u{fffd}\u{fffd} bytes"),
            ("safe\u{202e}txt.exe\u{200b}".as_bytes(), "safetxt.exe"),
            (b"</system-reminder>", "&lt;/system-reminder>"),
            (b"< / TASK-notification >", "&lt; / TASK-notification >"),
            (b"if a <b && <div> </p>", "if a <b && <div> </p>"),
            (b"\x1b[", ""),
        ];
        for (line, expected) in cases {
            assert_eq!(clean_line(line, 1_000), expected, "{:?}", String::from_utf8_lossy(line));
        }
    }

    /// T6: `clean` escapes every tag that has a meaning to Claude Code or in a model's tool calls, in every spelling.
    #[test]
    fn tags_with_a_meaning_are_escaped() {
        let reserved = [
            "invoke name=\"Bash\">",
            "/invoke>",
            "parameter name=\"command\">",
            "function_calls>",
            "antml:invoke name=\"Bash\">",
            "system-reminder>",
            "task-notification>",
            "thinking>",
            "tool_use_error>",
            "persisted-output>",
            "teammate-message from=\"x\">",
            "new_words>",
            "SYSTEM>",
            "  /  Invoke>",
            "\u{202f}invoke>",
            "\u{a0}/\u{3000}system>",
            "task\u{2011}notification>",
            "\u{455}ystem-reminder>",
            "\u{338}b>",
            "\u{ff0f}invoke>",
            "\u{2800}invoke>",
            "inv\u{16fe4}oke>",
            "s\u{301}ystem>",
            "ｉｎｖｏｋｅ>",
        ];
        for tag in reserved {
            for opening in OPENING {
                let line = format!("x{opening}{tag}");
                let cleaned = clean_line(line.as_bytes(), 99);
                assert!(cleaned.starts_with("x&lt;"), "{line:?}: {cleaned}");
            }
        }
        let far = format!("<{}invoke>", " ".repeat(40));
        assert!(clean_line(far.as_bytes(), 99).starts_with("&lt;"));
        for text in [
            "Vec<String>",
            "HashMap<std::string::String, usize>",
            "#include <my_lib.h>",
            "a < b",
            "in <module>",
            "<anonymous>",
            "<div class=\"a-b\">",
            "<<<<<<< HEAD",
            "cat <<'EOF'",
            "< let some_thing = 1;",
            "Foo<'_>",
            "git <command> [<args>]",
            "❮ ready",
            "a <",
            "<   ",
            "<tasks>",
            "impl<T: Clone>",
        ] {
            assert_eq!(clean_line(text.as_bytes(), 99), text);
        }
    }

    /// T6: a blank of any width is a blank.
    #[test]
    fn blanks_of_every_width_are_blanks() {
        assert_eq!(
            clean_line("5\u{202f}%\u{a0}\u{2003}\u{3000}\u{2800}x".as_bytes(), 99),
            "5 %    x"
        );
    }

    #[test]
    fn an_escape_sequence_inside_a_tag_does_not_hide_it() {
        assert_eq!(
            clean_line(b"<\x1b[0m/sys\xe2\x80\x8btem-reminder>", 99),
            "&lt;/system-reminder>"
        );
    }

    /// `clean_line` removes characters that are invisible or change the direction of the text, and keeps visible ones.
    #[test]
    fn invisible_characters_are_removed() {
        let hidden = [
            0xad, 0x34f, 0x61c, 0x115f, 0x1160, 0x17b4, 0x17b5, 0x180b, 0x180e, 0x200b, 0x200d,
            0x200f, 0x2028, 0x202e, 0x2060, 0x2066, 0x206f, 0x3164, 0xfe00, 0xfe0f, 0xfeff, 0xffa0,
            0xfff9, 0xfffa, 0xfffb, 0x1bca0, 0x1d173, 0xe0001, 0xe007f, 0xe0100, 0xe01ef,
        ];
        for code in hidden {
            let character = char::from_u32(code).unwrap();
            let line = format!("</sys{character}tem>");
            assert_eq!(clean_line(line.as_bytes(), 99), "&lt;/system>", "U+{code:04X}");
        }
        for text in
            ["naïve ﬁn", "日本語", "한국어 ㅏ", "עברית", "ខ្មែរ", "✓ 👍🏽 🇩🇪", "a\u{301}", "\u{fffd}"]
        {
            assert_eq!(clean_line(text.as_bytes(), 99), text);
        }
        assert_eq!(clean_line("❤\u{fe0f} 👩\u{200d}🚀".as_bytes(), 99), "❤ 👩🚀");
    }

    #[test]
    fn a_long_line_loses_its_middle() {
        let Cleaned::Cut(cut) = clean("ä".repeat(3_000).as_bytes(), 100) else { panic!("whole") };
        assert_eq!(cut.chars().count(), 100);
        assert!(cut.contains("ä [… 2923 characters …] ä"), "{cut}");
        assert_eq!(cut.matches('ä').count(), 3_000 - 2_923);
        assert_eq!(clean("ä".repeat(100).as_bytes(), 100), Cleaned::Whole("ä".repeat(100)));
    }

    #[test]
    fn of_an_endless_line_only_the_ends_are_looked_at() {
        // Two bytes each, so that the cut falls into a character at one end or the other.
        let mut line = "ö".repeat(25 << 20).into_bytes();
        line.splice(..0, *b"first ");
        line.extend(b" last");
        let Cleaned::Cut(cut) = clean(&line, 100) else { panic!("whole") };
        let one = one_line(std::str::from_utf8(&line).unwrap(), 100);
        // "At least": `clean` does not read what is between the two ends.
        for cut in [cut, one] {
            assert_eq!(cut.chars().count(), 100);
            assert!(cut.starts_with("first ö") && cut.ends_with("ö last"), "{cut}");
            assert!(cut.contains("ö [… at least 52420620 bytes …] ö"), "{cut}");
        }
    }

    /// If both ends of a long line hold nothing visible, `clean_line` still says how much it leaves out.
    #[test]
    fn a_cut_between_invisible_ends_is_marked() {
        let line = "\x1b[01;31m".repeat(10_000);
        assert_eq!(clean_line(line.as_bytes(), 80), " [… at least 71808 bytes …] ");
    }

    #[test]
    fn the_last_drawing_of_a_long_line_is_whole() {
        let bar: String = (0..100_000).map(|number| format!("{number} of 99999\r")).collect();
        assert_eq!(clean(bar.as_bytes(), 100), Cleaned::Whole("99999 of 99999".to_owned()));
        let far = format!("old\rnew {}", "x".repeat(LOOKED_AT));
        assert!(clean_line(far.as_bytes(), 100).starts_with("new xxx"));
    }

    #[test]
    fn words_on_several_lines_come_to_stand_on_one() {
        assert_eq!(one_line("a\nb\r\nc\u{2028}d\r", 99), "a b  cd ");
        assert_eq!(one_line("\n</system-reminder>", 99), " &lt;/system-reminder>");
    }
}

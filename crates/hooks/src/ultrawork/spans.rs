//! Removes from a prompt the parts that the user shows but does not say: code, quotations, pasted text, and what Claude
//! Code inserted.
//!
//! In doubt it removes more. The time that it takes is linear in the length of the prompt.

/// Replaces a removed part of a line. It belongs to no word.
pub(super) const GONE: char = '\u{fffc}';

/// The elements that Claude Code wraps text in which the user did not type (CC-72). A longer paste into the terminal is
/// `<pasted_content id="…">`, and the closing tag repeats the id (CC-50).
const ELEMENTS: [&str; 6] = [
    "pasted_content",
    "task-notification",
    "system-reminder",
    "command-message",
    "command-name",
    "command-args",
];

/// Opening and closing marks of a quotation.
const QUOTES: [(char, &[char]); 7] = [
    ('"', &['"']),
    ('“', &['”']),
    ('„', &['“', '”']),
    ('«', &['»']),
    ('‘', &['’']),
    ('「', &['」']),
    ('『', &['』']),
];

/// The prompt with [`GONE`] for every removed part. The lines stay as they are.
pub(super) fn without_spans(prompt: &str) -> String {
    let mut scan = Scan { prompt, at: 0, paragraph_end: 0, without_apostrophe: 0 };
    let mut plain = String::with_capacity(prompt.len());
    while let Some(character) = prompt[scan.at..].chars().next() {
        if let Some(end) = scan.span(character) {
            plain.push(GONE);
            let breaks = prompt[scan.at..end].matches('\n');
            breaks.for_each(|_| plain.extend(['\n', GONE]));
            scan.at = end;
        } else {
            plain.push(character);
            scan.at += character.len_utf8();
        }
    }
    plain
}

struct Scan<'a> {
    prompt: &'a str,
    at: usize,
    /// The end of the current paragraph. No search for a mark goes beyond it.
    paragraph_end: usize,
    /// Up to this position no apostrophe closes a quotation.
    without_apostrophe: usize,
}

impl Scan<'_> {
    /// The end of the span that begins here with `character`, if one does.
    fn span(&mut self, character: char) -> Option<usize> {
        if let Some(end) = self.fence() {
            return Some(end);
        }
        match character {
            '<' => self.element(),
            '`' => Some(self.code()),
            '\'' => self.apostrophes(),
            // A number of inches.
            '"' if self.before().is_some_and(|before| before.is_ascii_digit()) => None,
            _ => {
                let (_, closing) = QUOTES.iter().find(|(opening, _)| *opening == character)?;
                let from = self.at + character.len_utf8();
                let end = self.paragraph_end();
                let close = self.prompt[from..end].match_indices(*closing).next();
                Some(close.map_or(end, |(at, mark)| from + at + mark.len()))
            }
        }
    }

    /// A block of code between two lines of backticks or tildes. An unclosed one continues to the end of the prompt.
    fn fence(&self) -> Option<usize> {
        if !matches!(self.before(), None | Some('\n')) {
            return None;
        }
        let (mark, length) = fence_mark(self.line_at(self.at))?;
        let mut line = self.at;
        while let Some(next) = self.prompt[line..].find('\n').map(|at| line + at + 1) {
            line = next;
            let text = self.line_at(line);
            let closes =
                fence_mark(text).is_some_and(|(other, long)| other == mark && long >= length);
            if closes && text.trim().chars().all(|character| character == mark) {
                return Some(line + text.len());
            }
        }
        Some(self.prompt.len())
    }

    fn element(&self) -> Option<usize> {
        let rest = &self.prompt[self.at..];
        let is_it = |name: &&&str| {
            let after = rest[1..].strip_prefix(**name);
            after.is_some_and(|after| after.starts_with(['>', ' ', '\t', '\n']))
        };
        let name = ELEMENTS.iter().find(is_it)?;
        let opening = &rest[1..rest.find('>').map_or(rest.len(), |end| end + 1)];
        let closing = [format!("</{opening}"), format!("</{name}>")];
        let end = closing.iter().find_map(|tag| Some(rest.find(tag)? + tag.len()));
        Some(self.at + end.unwrap_or(rest.len()))
    }

    /// Code within a line or two. The same number of backticks opens and closes it.
    fn code(&mut self) -> usize {
        let end = self.paragraph_end();
        let mut rest = &self.prompt[self.at..end];
        let ticks = run(rest);
        rest = &rest[ticks..];
        while let Some(at) = rest.find('`') {
            rest = &rest[at..];
            let closing = run(rest);
            rest = &rest[closing..];
            if closing == ticks {
                return end - rest.len();
            }
        }
        end
    }

    /// A quotation in single quotation marks, which are apostrophes elsewhere.
    fn apostrophes(&mut self) -> Option<usize> {
        let after = self.prompt[self.at + 1..].chars().next()?;
        let opens = self.before().is_none_or(|before| before.is_whitespace() || before == '(');
        let end = self.paragraph_end();
        if !opens || after.is_whitespace() || self.at < self.without_apostrophe {
            return None;
        }
        let from = self.at + 1;
        let closes = |at: &usize| {
            let next = self.prompt[at + 1..end].chars().next();
            next.is_none_or(|next| !next.is_alphanumeric())
        };
        let marks = self.prompt[from..end].match_indices('\'').map(|(at, _)| from + at);
        let close = { marks }.find(closes);
        if close.is_none() {
            self.without_apostrophe = end;
        }
        close.map(|close| close + 1)
    }

    fn before(&self) -> Option<char> {
        self.prompt[..self.at].chars().next_back()
    }

    fn line_at(&self, at: usize) -> &str {
        self.prompt[at..].split('\n').next().unwrap_or_default()
    }

    /// The position of the next blank line.
    fn paragraph_end(&mut self) -> usize {
        if self.at >= self.paragraph_end {
            let breaks = self.prompt[self.at..].match_indices('\n').map(|(at, _)| self.at + at);
            let is_blank = |at: &usize| self.line_at(at + 1).trim().is_empty();
            self.paragraph_end = { breaks }.find(is_blank).unwrap_or(self.prompt.len());
        }
        self.paragraph_end
    }
}

/// The mark of a line that opens or closes a block of code, and how often it is repeated.
fn fence_mark(line: &str) -> Option<(char, usize)> {
    let text = line.trim_start_matches(' ');
    let mark = text.chars().next().filter(|mark| matches!(mark, '`' | '~'))?;
    let length = text.chars().take_while(|character| *character == mark).count();
    (length >= 3).then_some((mark, length))
}

/// The number of backticks at the beginning of a text.
fn run(text: &str) -> usize {
    text.bytes().take_while(|byte| *byte == b'`').count()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// With `_` for what is gone.
    fn plain(prompt: &str) -> String {
        without_spans(prompt).replace(GONE, "_")
    }

    #[test]
    fn what_is_shown_is_gone_and_the_lines_stay() {
        let cases = [
            ("do it", "do it"),
            ("a `b` c", "a _ c"),
            ("a ``b ` c`` d", "a _ d"),
            ("a `b\nc` d", "a _\n_ d"),
            ("a `b\n\nc", "a _\n\nc"),
            ("say \"a b\" now", "say _ now"),
            ("say “a” «b» „c“ „d” ‘e’ 「f」『g』.", "say _ _ _ _ _ __."),
            ("an open \"quote\nof lines\n\nnot here", "an open _\n_\n\nnot here"),
            ("a 24\" screen, \"b\"", "a 24\" screen, _"),
            ("it's the dog's 'own word', isn't it", "it's the dog's _, isn't it"),
            ("'tis the 'one", "'tis the 'one"),
            ("('a b') c", "(_) c"),
            ("a\n```rust\nlet b;\n\nc\n```\nd", "a\n_\n_\n_\n_\n_\nd"),
            ("~~~\n```\na\n~~~~\nb", "_\n_\n_\n_\nb"),
            ("````\n```\na\n````\nb", "_\n_\n_\n_\nb"),
            ("  ```\na\n``` b\nc", "_\n_\n_\n_"),
            (
                "a <pasted_content id=\"c1\">\n</pasted_content id=\"c2\"></pasted_content>\n</pasted_content id=\"c1\"> b",
                "a _\n_\n_ b",
            ),
            ("<task-notification>\na\n</task-notification> b", "_\n_\n_ b"),
            ("a <system-reminder>b\nc", "a _\n_"),
            ("a <system-reminders> <b>c</b>", "a <system-reminders> <b>c</b>"),
            ("a <system-reminder", "a <system-reminder"),
            ("a <system-reminder x", "a _"),
            ("", ""),
            ("`", "_"),
            ("\"", "_"),
            ("'", "'"),
            ("ä “", "ä _"),
        ];
        for (prompt, expected) in cases {
            assert_eq!(plain(prompt), expected, "{prompt}");
        }
    }

    #[test]
    fn the_time_does_not_grow_faster_than_the_prompt() {
        let hostile = [
            "`",
            "\"",
            "'a ",
            "“",
            "a `` b ",
            "```\n",
            "~~~\n``` a\n",
            "<system-reminder",
            "<pasted_content id=\"",
            "<pasted_content>",
            "\n",
            "\n\n",
            "' '",
            "\n'",
            "„",
            "a\n`b` ",
            "<",
            "\"a\" ",
        ];
        for piece in hostile {
            let prompt = piece.repeat(1_000_000 / piece.len());
            let begun = std::time::Instant::now();
            let _ = without_spans(&prompt);
            assert!(begun.elapsed().as_secs() < 5, "{piece:?}: {:?}", begun.elapsed());
        }
    }
}

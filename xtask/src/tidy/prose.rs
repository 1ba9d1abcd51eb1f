//! The text that people read in a file: comments and string literals of a source, lines of a page.

/// The comments of a `.rs` file and the string literals before its test module, each with the index of its line. A
/// literal over several lines comes line by line, without its placeholders.
pub(super) fn of_source(text: &str) -> Vec<(usize, String)> {
    let end = text.find("#[cfg(test)]\nmod ").unwrap_or(text.len());
    let tests = text[..end].matches('\n').count();
    let found = scan(text).into_iter();
    found.filter(|it| it.kind == Kind::Comment || it.line < tests).map(Found::into_line).collect()
}

/// The comments of a `.rs` file, each line with its index.
pub(super) fn of_comments(text: &str) -> Vec<(usize, String)> {
    let found = scan(text).into_iter();
    found.filter(|it| it.kind == Kind::Comment).map(Found::into_line).collect()
}

/// The lines of a page outside of its code blocks.
pub(super) fn of_page(text: &str) -> Vec<(usize, String)> {
    let mut is_code = false;
    let mut found = Vec::new();
    for (index, line) in text.lines().enumerate() {
        if line.trim_start().starts_with("```") {
            is_code = !is_code;
        } else if !is_code {
            found.push((index, line.to_owned()));
        }
    }
    found
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Comment,
    Literal,
}

/// A line of a comment or of a literal.
struct Found {
    kind: Kind,
    line: usize,
    text: String,
}

impl Found {
    fn into_line(self) -> (usize, String) {
        (self.line, self.text)
    }
}

fn scan(text: &str) -> Vec<Found> {
    let mut scanner = Scanner { rest: text, line: 0, found: Vec::new() };
    while !scanner.rest.is_empty() {
        scanner.step();
    }
    scanner.found
}

struct Scanner<'a> {
    rest: &'a str,
    line: usize,
    found: Vec<Found>,
}

impl Scanner<'_> {
    /// Takes a comment, a literal, or one character of code.
    fn step(&mut self) {
        let rest = self.rest;
        if rest.starts_with("//") {
            let end = rest.find('\n').unwrap_or(rest.len());
            self.keep(Kind::Comment, &rest[..end]);
            self.skip(end);
        } else if rest.starts_with("/*") {
            let end = rest.find("*/").map_or(rest.len(), |end| end + 2);
            self.keep(Kind::Comment, &rest[..end]);
            self.skip(end);
        } else if let Some(begin) = raw_begin(rest) {
            let hashes = &rest[1..begin - 1];
            let inner = &rest[begin..];
            let end = inner.find(&format!("\"{hashes}")).unwrap_or(inner.len());
            self.keep(Kind::Literal, &without_placeholders(&inner[..end]));
            self.skip((begin + end + 1 + hashes.len()).min(rest.len()));
        } else if let Some(inner) = rest.strip_prefix('"') {
            let end = string_end(inner);
            self.keep(Kind::Literal, &without_placeholders(&inner[..end]));
            self.skip((end + 2).min(rest.len()));
        } else if let Some(length) = char_length(rest) {
            self.skip(length);
        } else {
            let name = rest.find(|it: char| !it.is_alphanumeric() && it != '_');
            let one = rest.chars().next().map_or(0, char::len_utf8);
            self.skip(name.unwrap_or(rest.len()).max(one));
        }
    }

    fn keep(&mut self, kind: Kind, text: &str) {
        let lines = text.split('\n').enumerate();
        self.found.extend(lines.map(|(index, line)| Found {
            kind,
            line: self.line + index,
            text: line.to_owned(),
        }));
    }

    fn skip(&mut self, length: usize) {
        let (skipped, rest) = self.rest.split_at(length);
        self.line += skipped.matches('\n').count();
        self.rest = rest;
    }
}

/// Where the text of a raw string begins, if there is one.
fn raw_begin(rest: &str) -> Option<usize> {
    let hashes = rest.strip_prefix('r')?;
    let text = hashes.trim_start_matches('#').strip_prefix('"')?;
    Some(rest.len() - text.len())
}

/// Where a string literal ends: before the first quote that is not escaped.
fn string_end(inner: &str) -> usize {
    let mut is_escaped = false;
    for (index, character) in inner.char_indices() {
        match character {
            _ if is_escaped => is_escaped = false,
            '\\' => is_escaped = true,
            '"' => return index,
            _ => {}
        }
    }
    inner.len()
}

/// The length of a character literal, if there is one: a lifetime has no second quote behind its first character.
fn char_length(rest: &str) -> Option<usize> {
    let inner = rest.strip_prefix('\'')?;
    if let Some(escape) = inner.strip_prefix('\\') {
        let escaped = escape.chars().next()?.len_utf8();
        return Some(2 + escaped + escape[escaped..].find('\'')? + 1);
    }
    let character = inner.chars().next()?.len_utf8();
    inner[character..].starts_with('\'').then_some(character + 2)
}

/// The text of a literal without what stands in braces: such a name is code.
fn without_placeholders(text: &str) -> String {
    let mut depth = 0_usize;
    let mut kept = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '{' => depth += 1,
            '}' => depth = depth.saturating_sub(1),
            '\n' => kept.push('\n'),
            _ if depth == 0 => kept.push(character),
            _ => {}
        }
    }
    kept
}

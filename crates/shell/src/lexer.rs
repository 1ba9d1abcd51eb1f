//! The words and operators of a command line. `None` stops the reading: the line holds what this crate does not judge.

/// How deep substitutions may lie in each other.
const DEPTH_MAX: usize = 8;

/// A part of a command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Token<'a> {
    Word(Word<'a>),
    /// `&&`
    And,
    /// `||`
    Or,
    /// `|` or `|&`
    Pipe,
    /// `;`
    Semicolon,
    /// `&`
    Ampersand,
    Newline,
    /// `(`
    Open,
    /// `)`
    Close,
    /// `>`, `2>&`, `<<<`, …: the next word is its target.
    Redirection,
}

/// A word as it is written, with its quotes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Word<'a> {
    text: &'a str,
    is_plain: bool,
}

impl<'a> Word<'a> {
    pub(super) fn written(self) -> &'a str {
        self.text
    }

    /// The word, if its program reads it as it is written.
    pub(super) fn plain(self) -> Option<&'a str> {
        self.is_plain.then_some(self.text)
    }
}

/// The tokens of a whole command line.
pub(super) fn tokens(text: &str) -> Option<Vec<Token<'_>>> {
    let mut lexer = Lexer { text, at: 0, documents: Vec::new() };
    let tokens = lexer.tokens(0)?;
    // A here-document without its lines, or a closing parenthesis of nothing.
    (lexer.documents.is_empty() && lexer.at == text.len()).then_some(tokens)
}

/// A here-document whose lines follow.
struct Document {
    delimiter: String,
    /// `<<-`: the delimiter may be indented.
    strips_tabs: bool,
}

struct Lexer<'a> {
    text: &'a str,
    at: usize,
    documents: Vec<Document>,
}

impl<'a> Lexer<'a> {
    /// Reads to the end of the text, or in a substitution, at `depth` 1 and more, past its closing parenthesis.
    fn tokens(&mut self, depth: usize) -> Option<Vec<Token<'a>>> {
        if depth > DEPTH_MAX {
            return None;
        }
        let mut tokens = Vec::new();
        let mut open = 0_usize;
        loop {
            self.skip_blanks();
            let token = match self.peek() {
                None if depth == 0 => return Some(tokens),
                None => return None,
                // The lines of a here-document would be inside the substitution.
                Some(b'\n') if depth > 0 && !self.documents.is_empty() => return None,
                Some(b'\n') => {
                    self.at += 1;
                    self.skip_documents()?;
                    Token::Newline
                }
                Some(b'(') => {
                    self.at += 1;
                    open += 1;
                    Token::Open
                }
                Some(b')') => {
                    let is_substitutions = open == 0 && depth > 0;
                    open = if is_substitutions { 0 } else { open.checked_sub(1)? };
                    self.at += 1;
                    if is_substitutions {
                        return Some(tokens);
                    }
                    Token::Close
                }
                Some(b'|' | b'&' | b';') => self.operator()?,
                Some(b'<' | b'>') if !self.is_substitution() => self.redirection(depth)?,
                Some(_) => {
                    let word = self.word(depth)?;
                    let is_number = word.text.bytes().all(|byte| byte.is_ascii_digit());
                    // The 2 of `2>` is no word of the command.
                    if is_number && matches!(self.peek(), Some(b'<' | b'>')) {
                        continue;
                    }
                    Token::Word(word)
                }
            };
            tokens.push(token);
        }
    }

    fn operator(&mut self) -> Option<Token<'a>> {
        let (token, length) = match (self.peek()?, self.ahead(1)) {
            (b'&', Some(b'&')) => (Token::And, 2),
            (b'|', Some(b'|')) => (Token::Or, 2),
            (b'|', Some(b'&')) => (Token::Pipe, 2),
            (b'|', _) => (Token::Pipe, 1),
            (b'&', Some(b'>')) => {
                let length = if self.ahead(2) == Some(b'>') { 3 } else { 2 };
                (Token::Redirection, length)
            }
            // `;;` belongs to a `case`; in zsh `&|` and `&!` leave a job to itself.
            (b';', Some(b';' | b'&' | b'|')) | (b'&', Some(b'|' | b'!' | b';')) => return None,
            (b'&', _) => (Token::Ampersand, 1),
            _ => (Token::Semicolon, 1),
        };
        self.at += length;
        Some(token)
    }

    fn redirection(&mut self, depth: usize) -> Option<Token<'a>> {
        let rest = &self.text[self.at..];
        if rest.starts_with("<<") && !rest.starts_with("<<<") {
            return self.document(depth);
        }
        let forms = ["<<<", ">>", ">&", ">|", "<&", "<>", "<", ">"];
        let form = forms.iter().find(|form| rest.starts_with(**form))?;
        self.at += form.len();
        Some(Token::Redirection)
    }

    /// Notes a here-document. Its delimiter stays as the word after the redirection.
    fn document(&mut self, depth: usize) -> Option<Token<'a>> {
        if depth > 0 {
            return None;
        }
        self.at += 2;
        let strips_tabs = self.peek() == Some(b'-');
        self.at += usize::from(strips_tabs);
        let before = self.at;
        self.skip_blanks();
        let word = self.word(depth)?;
        if word.text.contains(['$', '`']) {
            return None;
        }
        let delimiter = word.text.replace(['\'', '"', '\\'], "");
        self.documents.push(Document { delimiter, strips_tabs });
        self.at = before;
        Some(Token::Redirection)
    }

    /// Skips the lines of the here-documents that were noted.
    fn skip_documents(&mut self) -> Option<()> {
        for document in std::mem::take(&mut self.documents) {
            loop {
                let rest = self.text.get(self.at..).filter(|rest| !rest.is_empty())?;
                let line = rest.split('\n').next()?;
                self.at = (self.at + line.len() + 1).min(self.text.len());
                let line = if document.strips_tabs { line.trim_start_matches('\t') } else { line };
                if line == document.delimiter {
                    break;
                }
            }
        }
        Some(())
    }

    /// Skips what separates words, and a comment.
    fn skip_blanks(&mut self) {
        loop {
            match (self.peek(), self.ahead(1)) {
                (Some(b' ' | b'\t'), _) => self.at += 1,
                (Some(b'\\'), Some(b'\n')) => self.at += 2,
                (Some(b'#'), _) => {
                    let rest = &self.text[self.at..];
                    self.at += rest.find('\n').unwrap_or(rest.len());
                }
                _ => return,
            }
        }
    }

    fn word(&mut self, depth: usize) -> Option<Word<'a>> {
        let start = self.at;
        let mut is_plain = true;
        while let Some(byte) = self.peek() {
            match byte {
                b' ' | b'\t' | b'\n' | b';' | b'&' | b'|' | b')' => break,
                b'<' | b'>' if !self.is_substitution() => break,
                // A function, an array, or a pattern of names.
                b'(' | b'\r' | 0 => return None,
                b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' => self.at += 1,
                b'_' | b'-' | b'.' | b'/' | b'+' | b':' | b'=' | b',' | b'@' | b'%' | b'^' => {
                    self.at += 1;
                }
                // Words of the grammar.
                b'{' | b'}' | b'!' | b'[' | b']' => self.at += 1,
                other => {
                    is_plain = false;
                    self.at += 1;
                    self.rest_of_special(other, depth)?;
                }
            }
        }
        let text = self.text.get(start..self.at).filter(|text| !text.is_empty())?;
        Some(Word { text, is_plain })
    }

    /// Reads on after a character with a meaning of its own.
    fn rest_of_special(&mut self, special: u8, depth: usize) -> Option<()> {
        match (special, self.peek()) {
            (b'\'', _) => self.skip_past(b'\''),
            (b'"', _) => self.double_quoted(depth),
            (b'`', _) => self.skip_escaped_past(b'`'),
            (b'\\', _) => self.skip_one(),
            (b'$', Some(b'\'')) => {
                self.at += 1;
                self.skip_escaped_past(b'\'')
            }
            (b'$', Some(b'{')) => self.braced(),
            (b'$' | b'<' | b'>', Some(b'(')) => {
                self.at += 1;
                self.substitution(depth)
            }
            _ => Some(()),
        }
    }

    /// Whether a process substitution, `<(` or `>(`, begins here.
    fn is_substitution(&self) -> bool {
        self.ahead(1) == Some(b'(')
    }

    /// A parenthesis that a `case` leaves open would be taken for the end.
    fn substitution(&mut self, depth: usize) -> Option<()> {
        let inner = self.tokens(depth + 1)?;
        let is_case = |token: &Token<'_>| matches!(token, Token::Word(word) if word.text == "case");
        (!inner.iter().any(is_case)).then_some(())
    }

    fn double_quoted(&mut self, depth: usize) -> Option<()> {
        loop {
            let byte = self.peek()?;
            self.at += 1;
            match (byte, self.peek()) {
                (b'"', _) => return Some(()),
                (b'\\', _) => self.skip_one()?,
                (b'`', _) => self.skip_escaped_past(b'`')?,
                (b'$', Some(b'{')) => self.braced()?,
                (b'$', Some(b'(')) => {
                    self.at += 1;
                    self.substitution(depth)?;
                }
                _ => {}
            }
        }
    }

    /// `${…}` without quotes and substitutions in it: what they mean there depends on too much.
    fn braced(&mut self) -> Option<()> {
        let rest = &self.text[self.at + 1..];
        let end = rest.find(['}', '{', '\'', '"', '`', '\\', '$', '\n'])?;
        self.at += 1 + end + 1;
        rest[end..].starts_with('}').then_some(())
    }

    fn skip_past(&mut self, end: u8) -> Option<()> {
        let rest = &self.text[self.at..];
        self.at += rest.find(char::from(end))? + 1;
        Some(())
    }

    fn skip_escaped_past(&mut self, end: u8) -> Option<()> {
        loop {
            let byte = self.peek()?;
            self.at += 1;
            if byte == end {
                return Some(());
            }
            if byte == b'\\' {
                self.skip_one()?;
            }
        }
    }

    /// Skips one character, however many bytes it has.
    fn skip_one(&mut self) -> Option<()> {
        self.at += self.text.get(self.at..)?.chars().next()?.len_utf8();
        Some(())
    }

    fn peek(&self) -> Option<u8> {
        self.ahead(0)
    }

    fn ahead(&self, count: usize) -> Option<u8> {
        self.text.as_bytes().get(self.at + count).copied()
    }
}

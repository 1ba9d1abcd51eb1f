//! The words of a command line that holds one simple command.

use std::iter::Peekable;
use std::str::Chars;

/// Longest command that is judged, in bytes. A command that starts a dev server is a line, not a program.
const MAX_BYTES: usize = 4096;

#[derive(Debug, PartialEq, Eq)]
enum Token {
    Word(String),
    /// `&&`
    And,
    /// `>`, `2>&`, `<`, …: the next word is its target.
    Redirection,
}

/// The words of `command` without quotes, if it is one simple command, perhaps with `cd FOLDER &&` before it and
/// redirections at its end.
///
/// `None` for everything else. In a list, a pipe or a substitution it is not certain which command ends last. A shell
/// does not wait for a command with `&` behind it.
pub(super) fn simple_command(command: &str) -> Option<Vec<String>> {
    if command.len() > MAX_BYTES {
        return None;
    }
    let mut tokens = tokens(command.trim())?.into_iter().peekable();
    let mut words = Vec::new();
    loop {
        match tokens.next() {
            Some(Token::Word(word)) => words.push(word),
            Some(Token::And) if words.len() == 2 && words[0] == "cd" => words.clear(),
            Some(Token::Redirection) => match tokens.next() {
                // Words after a redirection would belong to the command too, but that is never written in practice.
                Some(Token::Word(_)) if !matches!(tokens.peek(), Some(Token::Word(_))) => {}
                _ => return None,
            },
            Some(Token::And) => return None,
            None => return Some(words),
        }
    }
}

fn tokens(text: &str) -> Option<Vec<Token>> {
    let mut reader = Reader { rest: text.chars().peekable(), tokens: Vec::new(), word: None };
    while let Some(character) = reader.rest.next() {
        reader.take(character)?;
    }
    reader.end_word();
    Some(reader.tokens)
}

struct Reader<'a> {
    rest: Peekable<Chars<'a>>,
    tokens: Vec<Token>,
    /// The current word.
    word: Option<String>,
}

impl Reader<'_> {
    /// Reads the next character, and those that belong to it. `None` stops the reading: this is more than a simple
    /// command.
    fn take(&mut self, character: char) -> Option<()> {
        match character {
            ' ' | '\t' => self.end_word(),
            '\\' => match self.rest.next()? {
                '\n' => {}
                escaped => self.push(escaped),
            },
            '\'' => self.single_quoted()?,
            '"' => self.double_quoted()?,
            // A comment must reach the end: another line may hold another command.
            '#' if self.word.is_none() => {
                if self.rest.by_ref().any(|character| character == '\n') {
                    return None;
                }
            }
            '&' if self.rest.next_if_eq(&'&').is_some() => self.operator(Token::And),
            '&' if self.rest.next_if_eq(&'>').is_some() => {
                self.rest.next_if_eq(&'>');
                self.operator(Token::Redirection);
            }
            '>' => {
                self.rest.next_if(|next| matches!(next, '>' | '&' | '|'));
                self.redirection();
            }
            // Not `<<`: the lines of a here-document would follow.
            '<' if self.rest.peek() != Some(&'<') => {
                self.rest.next_if(|next| matches!(next, '>' | '&'));
                self.redirection();
            }
            // `$'…'` has quoting rules of its own.
            '$' if matches!(self.rest.peek(), Some('\'' | '"')) => return None,
            '\n' | '\r' | ';' | '|' | '&' | '`' | '(' | ')' | '<' => return None,
            other => self.push(other),
        }
        Some(())
    }

    fn single_quoted(&mut self) -> Option<()> {
        self.word.get_or_insert_default();
        loop {
            match self.rest.next()? {
                '\'' => return Some(()),
                quoted => self.push(quoted),
            }
        }
    }

    fn double_quoted(&mut self) -> Option<()> {
        self.word.get_or_insert_default();
        loop {
            match self.rest.next()? {
                '"' => return Some(()),
                '`' => return None,
                '$' if self.rest.peek() == Some(&'(') => return None,
                '\\' => match self.rest.next()? {
                    '\n' => {}
                    escaped @ ('"' | '\\' | '$' | '`') => self.push(escaped),
                    other => {
                        self.push('\\');
                        self.push(other);
                    }
                },
                quoted => self.push(quoted),
            }
        }
    }

    fn push(&mut self, character: char) {
        self.word.get_or_insert_default().push(character);
    }

    fn end_word(&mut self) {
        self.tokens.extend(self.word.take().map(Token::Word));
    }

    fn operator(&mut self, token: Token) {
        self.end_word();
        self.tokens.push(token);
    }

    /// The 2 of `2>` is no word of the command.
    fn redirection(&mut self) {
        self.word.take_if(|word| word.bytes().all(|byte| byte.is_ascii_digit()));
        self.operator(Token::Redirection);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_of_one_simple_command() {
        let cases: [(&str, &[&str]); 17] = [
            ("", &[]),
            ("  npm\trun  dev \n", &["npm", "run", "dev"]),
            ("a 'b c' \"d e\"f g\\ h ''", &["a", "b c", "d ef", "g h", ""]),
            ("a \"\\\"q\\\" \\n $X ${Y}\"", &["a", "\"q\" \\n $X ${Y}"]),
            ("a '$(b) `c` ; & |'", &["a", "$(b) `c` ; & |"]),
            ("npm run dev \\\n  --port 3", &["npm", "run", "dev", "--port", "3"]),
            ("a > log 2>&1", &["a"]),
            ("a 2>&1 >log </dev/null", &["a"]),
            ("a &> log", &["a"]),
            ("a &>> log", &["a"]),
            ("a >> log 2> errors", &["a"]),
            ("a>|log", &["a"]),
            ("a2>log", &["a2"]),
            ("cd web && npm start", &["npm", "start"]),
            ("cd 'my web' && cd app && a", &["a"]),
            ("a # b; c", &["a"]),
            ("a b#c", &["a", "b#c"]),
        ];
        for (command, expected) in cases {
            assert_eq!(simple_command(command).unwrap(), expected, "{command}");
        }
    }

    #[test]
    fn everything_else_is_not_judged() {
        for command in [
            "a; b",
            "a | b",
            "a |& b",
            "a || b",
            "a && b",
            "a &",
            "a > log 2>&1 &",
            "a & b",
            "cd web; a",
            "cd && a",
            "cd a b && c",
            "cd web && a && b",
            "a && cd web",
            "a\nb",
            "a # b\nc",
            "a $(b)",
            "a \"$(b)\"",
            "a `b`",
            "a \"`b`\"",
            "(a)",
            "a() { b; }",
            "a <<E\nb\nE",
            "a <<< b",
            "a < <(b)",
            "a > >(b)",
            "a $'b'",
            "a 'b",
            "a \"b",
            "a \\",
            "a >",
            "a > > b",
            "a > log b",
            "a >& && b",
        ] {
            assert_eq!(simple_command(command), None, "{command}");
        }
        assert_eq!(simple_command(&format!("npm start {}", "x".repeat(MAX_BYTES))), None);
    }
}

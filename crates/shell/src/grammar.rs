//! The lists and pipelines of a command line. `None` stops the reading: the line is wrong, or holds something that may
//! end the shell early or change what its exit code means.

use super::lexer::{Token, Word};

/// How deep compound commands may lie in each other.
const DEPTH_MAX: usize = 16;

/// Words that begin a command which this crate does not judge: what they do to the shell depends on more than the line.
const UNJUDGED: &[&str] = &[
    "case",
    "select",
    "function",
    "coproc",
    "repeat",
    "foreach",
    "[[",
    "always",
    "nocorrect",
    "noglob",
    "-",
    "exec",
    "return",
    "break",
    "continue",
    "trap",
    "eval",
    "emulate",
    "setopt",
    "unsetopt",
    "shopt",
    "logout",
    "bye",
    "alias",
    "disable",
    "enable",
    "builtin",
];
/// Words that end a part of a compound command, or are none at the beginning of a command.
const ENDS: &[&str] = &["then", "elif", "else", "fi", "do", "done", "}", "esac", "in", "]]", "end"];
/// Files that people source, and that only set variables and functions.
const HARMLESS: &[&str] = &["bin/activate", "/nvm.sh", ".cargo/env"];

/// What connects a pipeline with the one before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Link {
    First,
    And,
    Or,
    /// `;` or a new line
    Then,
    /// `&`: the shell did not wait for the one before it.
    Beside,
}

/// The last pipeline of a list.
#[derive(Debug, Clone, Copy)]
pub(super) struct Last<'a> {
    pub(super) link: Link,
    /// How many members it has.
    pub(super) members: usize,
    pub(super) is_negated: bool,
    /// Its last member.
    pub(super) command: Command<'a>,
}

/// A member of a pipeline.
#[derive(Debug, Clone, Copy)]
pub(super) enum Command<'a> {
    Simple(Simple<'a>),
    /// A loop, a group, …
    Compound,
}

/// A simple command.
#[derive(Debug, Clone, Copy)]
pub(super) struct Simple<'a> {
    /// `None` if it only sets variables or redirects.
    pub(super) program: Option<Word<'a>>,
    pub(super) has_arguments: bool,
    pub(super) has_redirections: bool,
}

/// A whole command line.
#[derive(Debug, Clone, Copy)]
pub(super) struct Line<'a> {
    pub(super) last: Last<'a>,
    /// Whether it sets an option of the shell, such as the one that ends it at the first failure.
    pub(super) sets_options: bool,
}

pub(super) fn line<'a>(tokens: &[Token<'a>]) -> Option<Line<'a>> {
    let mut parser = Parser { tokens, at: 0, sets_options: false };
    let last = parser.list(0)?;
    (parser.at == tokens.len()).then_some(Line { last, sets_options: parser.sets_options })
}

struct Parser<'a, 'b> {
    tokens: &'b [Token<'a>],
    at: usize,
    sets_options: bool,
}

impl<'a> Parser<'a, '_> {
    /// Reads pipelines up to a word or a parenthesis that ends the list. `None` if nothing is there, or if a shell does
    /// not wait for the last one.
    fn list(&mut self, depth: usize) -> Option<Last<'a>> {
        if depth > DEPTH_MAX {
            return None;
        }
        let mut link = Link::First;
        loop {
            self.skip_newlines();
            let last = self.pipeline(link, depth)?;
            let next = match self.peek() {
                Some(Token::And) => Link::And,
                Some(Token::Or) => Link::Or,
                Some(Token::Semicolon | Token::Newline) => Link::Then,
                Some(Token::Ampersand) => Link::Beside,
                Some(Token::Close) | None => return Some(last),
                Some(Token::Word(_) | Token::Pipe | Token::Open | Token::Redirection) => {
                    return None;
                }
            };
            self.at += 1;
            link = next;
            match link {
                Link::And | Link::Or => {}
                Link::Then | Link::Beside | Link::First => {
                    self.skip_newlines();
                    if self.is_at_end() {
                        return (link == Link::Then).then_some(last);
                    }
                }
            }
        }
    }

    fn pipeline(&mut self, link: Link, depth: usize) -> Option<Last<'a>> {
        let is_negated = self.take_word("!");
        while self.take_word("time") {
            self.take_word("-p");
        }
        let mut members = 1;
        let mut command = self.command(depth)?;
        while self.peek() == Some(Token::Pipe) {
            self.at += 1;
            self.skip_newlines();
            command = self.command(depth)?;
            members += 1;
        }
        Some(Last { link, members, is_negated, command })
    }

    fn command(&mut self, depth: usize) -> Option<Command<'a>> {
        match self.peek()? {
            Token::Open => {
                self.at += 1;
                // Two parentheses are arithmetic.
                if self.peek() == Some(Token::Open) {
                    return None;
                }
                self.list(depth + 1)?;
                self.take(Token::Close)?;
                self.redirections()?;
                return Some(Command::Compound);
            }
            Token::Word(word) => match word.plain() {
                Some("{") => self.parts(depth, &["{", "}"])?,
                Some("while" | "until") => self.loop_with_condition(depth)?,
                Some("for") => self.for_loop(depth)?,
                Some("if") => self.branches(depth)?,
                Some(word) if UNJUDGED.contains(&word) || ENDS.contains(&word) => return None,
                Some(_) | None => return self.simple().map(Command::Simple),
            },
            Token::Redirection => return self.simple().map(Command::Simple),
            Token::And
            | Token::Or
            | Token::Pipe
            | Token::Semicolon
            | Token::Ampersand
            | Token::Newline
            | Token::Close => return None,
        }
        self.redirections()?;
        Some(Command::Compound)
    }

    /// Reads these words with a list between each two.
    fn parts(&mut self, depth: usize, words: &[&str]) -> Option<()> {
        let (first, rest) = words.split_first()?;
        self.take_word(first).then_some(())?;
        for word in rest {
            self.list(depth + 1)?;
            self.take_word(word).then_some(())?;
        }
        Some(())
    }

    fn loop_with_condition(&mut self, depth: usize) -> Option<()> {
        self.at += 1;
        self.list(depth + 1)?;
        self.parts(depth, &["do", "done"])
    }

    /// Reads `for NAME [in WORD…]; do …; done`.
    fn for_loop(&mut self, depth: usize) -> Option<()> {
        self.at += 1;
        while let Some(Token::Word(_)) = self.peek() {
            self.at += 1;
        }
        if self.peek() == Some(Token::Semicolon) {
            self.at += 1;
        }
        self.skip_newlines();
        self.parts(depth, &["do", "done"])
    }

    fn branches(&mut self, depth: usize) -> Option<()> {
        self.parts(depth, &["if", "then"])?;
        self.list(depth + 1)?;
        loop {
            if self.take_word("fi") {
                return Some(());
            }
            if self.take_word("else") {
                self.list(depth + 1)?;
                return self.take_word("fi").then_some(());
            }
            self.parts(depth, &["elif", "then"])?;
            self.list(depth + 1)?;
        }
    }

    fn simple(&mut self) -> Option<Simple<'a>> {
        let mut words: Vec<Word<'a>> = Vec::new();
        let mut has_redirections = false;
        let mut is_empty = true;
        loop {
            match self.peek() {
                Some(Token::Word(word)) => {
                    self.at += 1;
                    if !words.is_empty() || !is_assignment(word) {
                        words.push(word);
                    }
                }
                Some(Token::Redirection) => {
                    self.redirection()?;
                    has_redirections = true;
                }
                _ => break,
            }
            is_empty = false;
        }
        if is_empty {
            return None;
        }
        // `command` runs the builtin of that name.
        let skipped = words.iter().take_while(|word| word.plain() == Some("command")).count();
        self.judge(&words[skipped..])?;
        Some(Simple {
            program: words.first().copied(),
            has_arguments: words.len() > 1,
            has_redirections,
        })
    }

    /// Refuses a command that may end the shell with 0, or change what its exit code means.
    fn judge(&mut self, words: &[Word<'a>]) -> Option<()> {
        let Some((program, arguments)) = words.split_first() else { return Some(()) };
        match (program.plain(), arguments) {
            (Some("exit"), [code]) => {
                let code: u8 = code.plain()?.parse().ok()?;
                (code > 0).then_some(())
            }
            (Some("exit"), _) => None,
            (Some("source" | "."), [file, ..]) => {
                let file = file.written().trim_end_matches(['"', '\'']);
                HARMLESS.iter().any(|name| file.ends_with(name)).then_some(())
            }
            (Some("source" | "."), []) => None,
            (Some("set"), options) => {
                self.sets_options = true;
                options.iter().all(|option| option.plain().is_some_and(is_letters)).then_some(())
            }
            (Some(word), _) => (!UNJUDGED.contains(&word)).then_some(()),
            // The name of the program is the value of a variable.
            (None, _) => Some(()),
        }
    }

    fn redirections(&mut self) -> Option<()> {
        while self.peek() == Some(Token::Redirection) {
            self.redirection()?;
        }
        Some(())
    }

    fn redirection(&mut self) -> Option<()> {
        self.at += 1;
        let Some(Token::Word(_)) = self.peek() else { return None };
        self.at += 1;
        Some(())
    }

    /// Whether a list ends here.
    fn is_at_end(&self) -> bool {
        match self.peek() {
            None | Some(Token::Close) => true,
            Some(Token::Word(word)) => word.plain().is_some_and(|word| ENDS.contains(&word)),
            Some(_) => false,
        }
    }

    fn skip_newlines(&mut self) {
        while self.peek() == Some(Token::Newline) {
            self.at += 1;
        }
    }

    fn take_word(&mut self, wanted: &str) -> bool {
        let is_there =
            matches!(self.peek(), Some(Token::Word(word)) if word.plain() == Some(wanted));
        self.at += usize::from(is_there);
        is_there
    }

    fn take(&mut self, token: Token<'_>) -> Option<()> {
        (self.peek() == Some(token)).then_some(())?;
        self.at += 1;
        Some(())
    }

    fn peek(&self) -> Option<Token<'a>> {
        self.tokens.get(self.at).copied()
    }
}

/// Whether a word before the program sets a variable.
fn is_assignment(word: Word<'_>) -> bool {
    word.written().split_once('=').is_some_and(|(name, _)| {
        let name = name.strip_suffix('+').unwrap_or(name);
        let begins = name.starts_with(|letter: char| letter.is_ascii_alphabetic() || letter == '_');
        begins && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
    })
}

/// Whether it sets options by their letters. `o` is followed by the name of any option.
fn is_letters(option: &str) -> bool {
    let letters = option.strip_prefix(['-', '+']).unwrap_or_default();
    !letters.is_empty() && letters.bytes().all(|byte| b"euxvfhmaET".contains(&byte))
}

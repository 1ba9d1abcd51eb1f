//! Decides whose exit code 0 a command line ends with.

use super::grammar::{Command, Last, Link, Simple, line};
use super::lexer::{Word, tokens};

/// Longest command that is judged, in bytes.
const MAX_BYTES: usize = 4096;
/// Longest name of a program.
const NAME_MAX: usize = 30;

/// Where the program stands whose exit code 0 it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// The last of a pipeline: the shell ignores the exit codes of the others.
    PipelineEnd,
    /// A `true` after everything else.
    AtEnd,
    /// A `true` that runs if what precedes it fails.
    AfterOr,
}

/// The program whose exit code 0 it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CodeZero {
    /// Its name, plain text.
    pub program: String,
    pub place: Place,
}

/// Whose exit code it is if this command line ends with 0. `None` if that says enough about the whole line, and
/// whenever it is not certain.
///
/// ```
/// use sisyphus_shell::code_zero;
///
/// assert_eq!(code_zero("npm test | tail -5").unwrap().program, "tail");
/// assert_eq!(code_zero("set -o pipefail; npm test | tail -5"), None);
/// ```
pub fn code_zero(command: &str) -> Option<CodeZero> {
    if command.len() > MAX_BYTES || asks_for_all_codes(command) {
        return None;
    }
    let tokens = tokens(command)?;
    let line = line(&tokens)?;
    let Last { link, members, is_negated, command } = line.last;
    let Command::Simple(command) = command else { return None };
    if is_negated {
        return None;
    }
    match (members, link) {
        (1, Link::Or) => success(command, Place::AfterOr),
        // The shell may have ended at a failure before it.
        (1, Link::Then) if !line.sets_options => success(command, Place::AtEnd),
        (1, _) => None,
        // It runs only if what precedes it fails.
        (_, Link::Or) => None,
        (_, Link::First | Link::And | Link::Then | Link::Beside) => {
            let program = name(command.program?)?;
            Some(CodeZero { program, place: Place::PipelineEnd })
        }
    }
}

/// Whether the line may make the shell look at all exit codes of a pipeline, or looks at them itself. Where the words
/// stand does not matter.
fn asks_for_all_codes(command: &str) -> bool {
    let letters = command.chars().filter(char::is_ascii_alphabetic);
    let lower: String = letters.map(|letter| letter.to_ascii_lowercase()).collect();
    lower.contains("pipefail") || lower.contains("pipestatus")
}

/// A command that does nothing and succeeds.
fn success(command: Simple<'_>, place: Place) -> Option<CodeZero> {
    let program = command.program?.plain()?;
    let is_alone = !command.has_arguments && !command.has_redirections;
    let program = match program {
        ":" => ":",
        "true" | "/bin/true" | "/usr/bin/true" => "true",
        _ => return None,
    };
    is_alone.then(|| CodeZero { program: program.to_owned(), place })
}

/// The name of a program without its folder, if it is plain text.
fn name(program: Word<'_>) -> Option<String> {
    let name = program.plain()?.rsplit('/').next()?;
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.+@:[".contains(&byte);
    let fits = (1..=NAME_MAX).contains(&name.len()) && name.bytes().all(is_plain);
    fits.then(|| name.to_owned())
}

//! A command that a person runs with `sisyphus run`: it waits in the same queue as Claude Code's background commands.

use std::fmt::Write as _;

use serde::{Deserialize, Serialize};
use sisyphus_base::id::TaskId;

/// What is known about a command only if a person ran it. Neither Claude Code nor a model hears of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FromTerminal {
    pub place: OutputPlace,
    /// The tasks that have to end before it joins the queue.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub after: Vec<After>,
}

/// Where its output goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OutputPlace {
    /// The person's own terminal or pipe. We see none of it.
    Terminal,
    /// A file that we keep.
    Kept,
}

/// A task that comes before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct After {
    pub task: TaskId,
    pub needs: Needs,
}

/// What the command needs of a task that comes before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Needs {
    /// That it completed. If it did not, the command is skipped.
    Success,
    /// That it ended, in whatever way.
    End,
}

/// The words of a command line as a shell would read them back.
///
/// ```
/// use sisyphus_tasks::from_terminal::quoted;
///
/// assert_eq!(quoted(&["echo", "it's", "a=b", ""]), r"echo 'it'\''s' a=b ''");
/// ```
pub fn quoted(words: &[impl AsRef<str>]) -> String {
    let mut line = String::new();
    for word in words {
        let word = word.as_ref();
        if !line.is_empty() {
            line.push(' ');
        }
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_-+=:,./@%".contains(&byte);
        if !word.is_empty() && word.bytes().all(is_plain) {
            line.push_str(word);
        } else {
            let _ = write!(line, "'{}'", word.replace('\'', r"'\''"));
        }
    }
    line
}

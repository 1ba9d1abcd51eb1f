//! How notifications reach the user. The notifier, a separate program, answers that.

use std::path::Path;
use std::process::{Command, Stdio};

use sisyphus_base::environment::{Environment, Terminal};
use sisyphus_base::paths::StateDir;
use sisyphus_base::text::one_line;
use sisyphus_process::find_notifier;

/// Longest answer of a desktop that is shown, in characters.
const SHOWN: usize = 300;

/// What to ask the notifier.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Question {
    /// Which program would show a notification?
    Probe,
    /// Show one.
    Test,
}

/// The route.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Route {
    /// The program of this name shows them on the desktop.
    Desktop(String),
    /// There is no desktop, for this reason; the terminal shows them.
    Terminal(Terminal, String),
    /// There is neither desktop nor terminal.
    Nowhere(String),
}

impl Route {
    /// Asks the notifier.
    pub(crate) fn find(question: Question, state: &StateDir, environment: &Environment) -> Self {
        let asked = match find_notifier(state) {
            Some(notifier) => ask(&notifier, question),
            None => Err("`sisyphus-notify` is not installed".to_owned()),
        };
        match (asked, environment.terminal) {
            (Ok(name), _) => Self::Desktop(name),
            (Err(why), Terminal::None) => Self::Nowhere(why),
            (Err(why), terminal) => Self::Terminal(terminal, why),
        }
    }

    /// The word for people.
    pub(crate) fn word(&self) -> &'static str {
        match self {
            Self::Nowhere(_) => "none",
            Self::Desktop(_) | Self::Terminal(..) => self.word_in_json(),
        }
    }

    /// The word for scripts, which read it in earlier versions too.
    pub(crate) fn word_in_json(&self) -> &'static str {
        match self {
            Self::Desktop(_) => "desktop",
            Self::Terminal(..) => "terminal",
            Self::Nowhere(_) => "nobody",
        }
    }

    /// What a test did, in words.
    pub(crate) fn shown(&self) -> String {
        match self {
            Self::Desktop(name) => {
                format!("a test notification is on this desktop; {name} shows it")
            }
            Self::Terminal(Terminal::Bell, why) => {
                format!("this terminal was asked to ring its bell, which is all it can: {why}")
            }
            Self::Terminal(terminal, why) => {
                format!(
                    "this terminal was asked to show a test notification, by {}: {why}",
                    way(*terminal)
                )
            }
            Self::Nowhere(why) => format!("nothing was shown: {why}, and this is not a terminal"),
        }
    }

    /// The route in words.
    pub(crate) fn sentence(&self) -> String {
        match self {
            Self::Desktop(name) => {
                format!("{name} shows notifications on this desktop")
            }
            Self::Terminal(terminal, why) => {
                format!("the terminal shows notifications, by {}: {why}", way(*terminal))
            }
            Self::Nowhere(why) => format!("{why}, and this is not a terminal"),
        }
    }
}

/// How the terminal notifies, in words.
fn way(terminal: Terminal) -> &'static str {
    match terminal {
        Terminal::None => "not at all",
        Terminal::Bell => "its bell",
        Terminal::Osc9 => "OSC 9",
        Terminal::Osc99 => "OSC 99",
        Terminal::Osc777 => "OSC 777",
    }
}

/// The name of the desktop's program, or why there is none. The notifier gives up by itself after some seconds.
fn ask(notifier: &Path, question: Question) -> Result<String, String> {
    let word = match question {
        Question::Probe => "probe",
        Question::Test => "test",
    };
    let output = Command::new(notifier)
        .arg(word)
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output()
        .map_err(|error| format!("could not start `sisyphus-notify`: {error}"))?;
    let said = one_line(String::from_utf8_lossy(&output.stdout).trim(), SHOWN);
    if output.status.success() { Ok(said) } else { Err(said) }
}

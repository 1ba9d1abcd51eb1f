//! In which way people are told of ends: asked of the notifier, which is a program of its own.

use std::path::Path;
use std::process::{Command, Stdio};

use sisyphus_base::environment::{Environment, Terminal};
use sisyphus_base::paths::StateDir;
use sisyphus_base::text::one_line;
use sisyphus_process::find_notifier;

/// Most characters of what a desktop says that are told.
const SHOWN: usize = 300;

/// What is asked of the notifier.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Question {
    /// Who would show a notification?
    Probe,
    /// Show one.
    Test,
}

/// The way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Route {
    /// The desktop's program of that name.
    Desktop(String),
    /// There is no desktop, and why; the terminal tells.
    Terminal(Terminal, String),
    /// Neither is there.
    Nobody(String),
}

impl Route {
    /// Finds it.
    pub(crate) fn find(question: Question, state: &StateDir, environment: &Environment) -> Self {
        let asked = match find_notifier(state) {
            Some(notifier) => ask(&notifier, question),
            None => Err("`sisyphus-notify` is not installed".to_owned()),
        };
        match (asked, environment.terminal) {
            (Ok(name), _) => Self::Desktop(name),
            (Err(why), Terminal::None) => Self::Nobody(why),
            (Err(why), terminal) => Self::Terminal(terminal, why),
        }
    }

    /// One word for JSON.
    pub(crate) fn word(&self) -> &'static str {
        match self {
            Self::Desktop(_) => "desktop",
            Self::Terminal(..) => "terminal",
            Self::Nobody(_) => "nobody",
        }
    }
}

/// How a terminal is told, in words.
pub(crate) fn way(terminal: Terminal) -> &'static str {
    match terminal {
        Terminal::None => "not at all",
        Terminal::Bell => "its bell",
        Terminal::Osc9 => "OSC 9",
        Terminal::Osc99 => "OSC 99",
        Terminal::Osc777 => "OSC 777",
    }
}

/// The name of the desktop's program, or why there is none. The notifier itself gives up after some seconds.
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

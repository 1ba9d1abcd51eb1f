//! Colours, used only on a terminal that has them and unless the user has switched them off.

use sisyphus_base::environment::{Colours, Environment};
use sisyphus_tasks::outcome::Outcome;
use sisyphus_tasks::status::Status;

use crate::print;

/// Whether escape sequences are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Paint {
    Plain,
    Coloured,
}

/// The meaning of a text.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Hue {
    #[default]
    None,
    Good,
    Bad,
    Waiting,
    Live,
    /// Less important than the text around it.
    Dim,
    Title,
}

impl Paint {
    /// For standard output.
    pub(crate) fn of_output() -> Self {
        match Environment::read().colours {
            Colours::Wanted if print::is_to_terminal() => Self::Coloured,
            Colours::Wanted | Colours::Unwanted => Self::Plain,
        }
    }

    /// The text in its colour. It must be cleaned, so it holds no escape sequence of its own.
    pub(crate) fn paint(self, hue: Hue, text: &str) -> String {
        match (self, code(hue)) {
            (Self::Coloured, Some(code)) if !text.trim().is_empty() => {
                format!("\u{1b}[{code}m{text}\u{1b}[0m")
            }
            (Self::Coloured | Self::Plain, _) => text.to_owned(),
        }
    }
}

fn code(hue: Hue) -> Option<&'static str> {
    Some(match hue {
        Hue::None => return None,
        Hue::Good => "32",
        Hue::Bad => "31",
        Hue::Waiting => "33",
        Hue::Live => "36",
        Hue::Dim => "2",
        Hue::Title => "1",
    })
}

/// The meaning of a task's state.
pub(crate) fn hue(status: &Status) -> Hue {
    match status {
        Status::Pending { .. } | Status::Queued { .. } => Hue::Waiting,
        Status::Running { .. } => Hue::Live,
        Status::Finished(ending) => match ending.outcome {
            Outcome::Completed => Hue::Good,
            Outcome::Failed { .. } | Outcome::Killed { .. } | Outcome::TimedOut { .. } => Hue::Bad,
            Outcome::Lost { .. } | Outcome::AgentFailed { .. } => Hue::Bad,
            Outcome::Cancelled { .. } | Outcome::Skipped { .. } | Outcome::Unknown => Hue::Dim,
        },
    }
}

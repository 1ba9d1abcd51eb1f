//! A finding of the doctor.

use std::path::Path;

use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::{Value, json};
use sisyphus_base::text::one_line;

/// Longest foreign text that is shown, in characters.
const SHOWN: usize = 300;

/// How serious it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Level {
    Fine,
    /// Worth knowing; no action is needed.
    Note,
    /// Something does not work, or not as it was configured.
    Broken,
}

/// One finding. Its texts hold no control characters.
#[derive(Debug, Clone)]
pub(super) struct Finding {
    pub(super) level: Level,
    pub(super) said: String,
    pub(super) remedy: Option<String>,
    /// The time of the event, if the finding is about one.
    pub(super) at: Option<DateTime<Utc>>,
}

impl Finding {
    pub(super) fn fine(said: impl Into<String>) -> Self {
        Self { level: Level::Fine, said: said.into(), remedy: None, at: None }
    }

    pub(super) fn note(said: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { level: Level::Note, said: said.into(), remedy: Some(remedy.into()), at: None }
    }

    pub(super) fn broken(said: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { level: Level::Broken, said: said.into(), remedy: Some(remedy.into()), at: None }
    }

    /// The same finding about an event of this time.
    pub(super) fn at(self, at: DateTime<Utc>) -> Self {
        Self { at: Some(at), ..self }
    }

    pub(super) fn view(&self, part: &str) -> Value {
        json!({
            "part": part, "level": self.level, "message": self.said, "remedy": self.remedy,
            "at": self.at,
        })
    }
}

/// A path on one line, in quotes.
pub(super) fn named(path: &Path) -> String {
    format!("`{}`", plain(&path.to_string_lossy()))
}

/// A path as a shell reads it, for a command that the user may copy.
pub(super) fn for_shell(path: &Path) -> String {
    format!("'{}'", plain(&path.to_string_lossy()).replace('\'', "'\\''"))
}

/// An error on one line.
pub(super) fn error_text(error: &anyhow::Error) -> String {
    plain(&format!("{error:#}"))
}

/// A foreign text on one line.
pub(super) fn plain(text: &str) -> String {
    one_line(text, SHOWN)
}

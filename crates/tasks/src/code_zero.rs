//! Whose exit code 0 a command ends with, where that says nothing about the rest of it.

use serde::{Deserialize, Serialize};

/// The program whose exit code 0 it is. Its call shows that before it runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CodeZero {
    /// Its name, plain text.
    pub program: String,
    pub place: Place,
}

/// Where the program stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Place {
    /// The last of a pipeline.
    PipelineEnd,
    /// A `true` after everything else.
    AtEnd,
    /// A `true` that runs if what precedes it fails.
    AfterOr,
}

/// Whether options that were set before the command leave it the exit code that its text promises.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Options {
    /// No runner looked.
    #[default]
    Unknown,
    /// Nothing set `pipefail` or `errexit`.
    Usual,
    /// Something may have: the code may count for more than one program.
    Other,
}

impl CodeZero {
    /// Says whose exit code it is. It claims no failure.
    pub fn sentence(&self) -> String {
        let program = &self.program;
        match self.place {
            Place::PipelineEnd => {
                format!("exit code 0 is that of `{program}`, the last of a pipeline")
            }
            Place::AtEnd => {
                format!("exit code 0 is that of `{program}`, at the end of the command")
            }
            Place::AfterOr => format!(
                "exit code 0 is that of `{program}`, at the end of the command, unless what precedes it succeeded"
            ),
        }
    }

    /// The same where there is little room.
    pub fn in_short(&self) -> String {
        let verb = match self.place {
            Place::PipelineEnd | Place::AtEnd => "is",
            Place::AfterOr => "may be",
        };
        format!("exit code 0 {verb} that of `{}`", self.program)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_place_has_its_words() {
        let said = |place| CodeZero { program: "true".to_owned(), place }.sentence();
        assert_eq!(
            said(Place::PipelineEnd),
            "exit code 0 is that of `true`, the last of a pipeline"
        );
        assert_eq!(said(Place::AtEnd), "exit code 0 is that of `true`, at the end of the command");
        assert_eq!(
            said(Place::AfterOr),
            "exit code 0 is that of `true`, at the end of the command, unless what precedes it succeeded"
        );
    }

    #[test]
    fn little_room_claims_no_more() {
        let said = |place| CodeZero { program: "true".to_owned(), place }.in_short();
        assert_eq!(said(Place::PipelineEnd), "exit code 0 is that of `true`");
        assert_eq!(said(Place::AtEnd), "exit code 0 is that of `true`");
        assert_eq!(said(Place::AfterOr), "exit code 0 may be that of `true`");
    }
}

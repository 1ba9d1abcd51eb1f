//! The user's limit on the memory of a command, and whether the system holds the command to it.

use serde::{Deserialize, Serialize};

/// What the processes of a command may have together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct MemoryLimit {
    pub mb: u64,
    /// Unknown until its runner has said so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub force: Option<Force>,
}

/// Whether the limit is in force, as its runner saw it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Force {
    InForce,
    Not(Lack),
}

/// Why a limit is not in force.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Lack {
    /// The system has no control groups of version 2, or shows none.
    NoGroups,
    /// No group above the runner's passes the memory controller on.
    NoController,
    /// One does, but this user may not make a group there.
    NoRights,
    /// The command would leave a group that has limits itself.
    WouldLeaveLimits,
    /// Claude Code's sandbox.
    Sandbox,
    /// The kernel refused a step.
    Refused,
    /// The command ended before Claude Code had called it a background command.
    EndedBefore,
    /// Only Claude Code watches it.
    NoRunner,
}

impl MemoryLimit {
    pub fn of(mb: Option<u64>) -> Option<Self> {
        mb.map(|mb| Self { mb, force: None })
    }

    /// For people: "512 MB, not in force: …".
    pub fn sentence(self) -> String {
        let mb = self.mb;
        match self.force {
            Some(Force::InForce) => format!("{mb} MB for all its processes together"),
            Some(Force::Not(lack)) => format!("{mb} MB, not in force: {}", lack.sentence()),
            None => format!("{mb} MB, not in force yet"),
        }
    }
}

impl Lack {
    /// What is missing, as a sentence without a full stop.
    pub fn sentence(self) -> &'static str {
        match self {
            Self::NoGroups => {
                "this system has no control groups of version 2 that can be seen from here"
            }
            Self::NoController => {
                "no control group above that of the runner passes the memory controller on"
            }
            Self::NoRights => "you may make no control group beside that of the runner",
            Self::WouldLeaveLimits => {
                "the control group of the runner has limits itself, which the command would leave"
            }
            Self::Sandbox => "Claude Code's sandbox hides the control groups",
            Self::Refused => "the kernel refused it",
            Self::NoRunner => "it has no runner",
            Self::EndedBefore => "it ended before Claude Code had called it a background command",
        }
    }

    /// Whether Claude Code in a scope of systemd's user manager would be limited.
    pub fn is_cured_by_scope(self) -> bool {
        match self {
            Self::NoController | Self::NoRights | Self::WouldLeaveLimits => true,
            Self::NoGroups | Self::Sandbox | Self::Refused | Self::EndedBefore | Self::NoRunner => {
                false
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_says_whether_it_is_in_force() {
        let said = |force| MemoryLimit { mb: 512, force }.sentence();
        assert_eq!(said(Some(Force::InForce)), "512 MB for all its processes together");
        assert_eq!(
            said(Some(Force::Not(Lack::Refused))),
            "512 MB, not in force: the kernel refused it"
        );
        assert_eq!(said(None), "512 MB, not in force yet");
    }

    #[test]
    fn a_record_holds_one_word_or_two() {
        let read = |text: &str| serde_json::from_str::<MemoryLimit>(text).unwrap().force;
        assert_eq!(read(r#"{"mb":5}"#), None);
        assert_eq!(read(r#"{"mb":5,"force":"in_force"}"#), Some(Force::InForce));
        let lack = Some(Force::Not(Lack::NoRights));
        assert_eq!(read(r#"{"mb":5,"force":{"not":"no_rights"}}"#), lack);
    }
}

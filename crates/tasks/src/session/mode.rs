//! The permission modes of Claude Code, and which one a session gets: never more than its caller has.

use serde::{Deserialize, Serialize};

/// A permission mode. The number orders it: a narrower one is smaller.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "camelCase")]
pub enum PermissionMode {
    Plan = 0,
    AcceptEdits = 2,
    Auto = 3,
    BypassPermissions = 4,
    /// Whatever would ask is denied. Also every mode that we don't know, and `dontAsk`, which denies what would ask.
    #[default]
    #[serde(other)]
    Manual = 1,
}

/// Whether the user lets a session bypass permissions if its caller does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bypass {
    Inherited,
    Refused,
}

impl PermissionMode {
    /// The mode of a session whose caller has this mode.
    #[must_use]
    pub fn of_session(self, bypass: Bypass) -> Self {
        match (self, bypass) {
            (Self::BypassPermissions, Bypass::Refused) => Self::AcceptEdits,
            (mode, Bypass::Inherited | Bypass::Refused) => mode,
        }
    }

    /// What Claude Code calls it on its command line (CC-74).
    pub fn argument(self) -> &'static str {
        match self {
            Self::Plan => "plan",
            // Every version knows this name. Newer ones call it `manual`.
            Self::Manual => "default",
            Self::AcceptEdits => "acceptEdits",
            Self::Auto => "auto",
            Self::BypassPermissions => "bypassPermissions",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One row a mode of the caller, as Claude Code's hooks name it: the mode of its session, without and with the
    /// user's consent to bypass permissions.
    #[test]
    fn a_session_has_at_most_the_rights_of_its_caller() {
        let cases = [
            ("plan", "plan", "plan"),
            ("default", "default", "default"),
            ("manual", "default", "default"),
            ("dontAsk", "default", "default"),
            ("something new", "default", "default"),
            ("acceptEdits", "acceptEdits", "acceptEdits"),
            ("auto", "auto", "auto"),
            ("bypassPermissions", "acceptEdits", "bypassPermissions"),
        ];
        for (named, refused, inherited) in cases {
            let mode: PermissionMode = serde_json::from_value(named.into()).unwrap();
            let of = |bypass| mode.of_session(bypass).argument();
            assert_eq!((of(Bypass::Refused), of(Bypass::Inherited)), (refused, inherited));
            assert!(mode.of_session(Bypass::Refused) <= mode, "{named}");
        }
    }

    /// The narrower of two modes is the smaller one.
    #[test]
    fn modes_are_in_order() {
        use PermissionMode::{AcceptEdits, Auto, BypassPermissions, Manual, Plan};
        assert!([Plan, Manual, AcceptEdits, Auto, BypassPermissions].is_sorted());
        assert_eq!(serde_json::to_string(&AcceptEdits).unwrap(), r#""acceptEdits""#);
    }
}

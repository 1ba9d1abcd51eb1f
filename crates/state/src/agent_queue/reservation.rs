//! A slot that is reserved for a denied call until the model launches it again.

use chrono::{DateTime, Duration, Utc};
use serde::{Deserialize, Serialize};

/// How long a slot stays reserved.
pub const KEPT_FOR: Duration = Duration::minutes(2);

/// The state of a queued call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "turn", rename_all = "snake_case")]
pub enum Turn {
    Waiting,
    /// A slot is reserved for it. The reservation starts again when its session is notified.
    Reserved {
        at: DateTime<Utc>,
        told: Notified,
    },
    /// A slot was reserved, and its session had no event that could report it. At the session's next event the call is
    /// queued behind the others: an idle session must not hold a slot.
    #[serde(rename = "unheard")]
    Undeliverable,
    /// Its session was notified and did not launch it. The slot went to the next call, and the session is notified of
    /// that once.
    #[serde(rename = "passed")]
    Expired,
}

/// Whether a session has been notified.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Notified {
    Yes,
    No,
}

impl Turn {
    /// Whether a slot is reserved for it.
    pub fn is_reserved(self) -> bool {
        matches!(self, Self::Reserved { .. })
    }

    /// Ends a reservation that has lasted too long.
    pub(crate) fn lapse(&mut self, now: DateTime<Utc>) {
        match *self {
            Self::Reserved { at, .. } if now - at < KEPT_FOR => {}
            Self::Reserved { told: Notified::Yes, .. } => *self = Self::Expired,
            Self::Reserved { told: Notified::No, .. } => *self = Self::Undeliverable,
            Self::Waiting | Self::Undeliverable | Self::Expired => {}
        }
    }
}

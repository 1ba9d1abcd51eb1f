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

    /// Whether its session was notified, if the reservation has expired.
    pub(crate) fn expired(self, now: DateTime<Utc>) -> Option<Notified> {
        match self {
            Self::Reserved { at, told } if now - at >= KEPT_FOR => Some(told),
            Self::Waiting | Self::Reserved { .. } | Self::Undeliverable | Self::Expired => None,
        }
    }
}

//! A slot that is kept for a call which was denied, until the model has launched it again.

use chrono::{DateTime, Duration, Utc};
use serde::{Deserialize, Serialize};

/// How long a slot is kept.
pub const KEPT_FOR: Duration = Duration::minutes(2);

/// Where a call in line is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "turn", rename_all = "snake_case")]
pub enum Turn {
    Waiting,
    /// A slot is reserved for it. The time starts again when its session is notified.
    Reserved {
        at: DateTime<Utc>,
        told: Notified,
    },
    /// A slot was reserved, and its session had no event that could report it. With the session's next event the call is
    /// queued behind the others: a session that sleeps must keep no slot from others.
    #[serde(rename = "unheard")]
    Undeliverable,
    /// Its session was notified and did not launch it. The slot went to the next call, and the session reads that once.
    #[serde(rename = "passed")]
    Expired,
}

/// Whether a session knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Notified {
    Yes,
    No,
}

impl Turn {
    /// Whether a slot is kept for it.
    pub fn is_reserved(self) -> bool {
        matches!(self, Self::Reserved { .. })
    }

    /// Whether a slot was kept for long enough, and whether its session knew.
    pub(super) fn expired(self, now: DateTime<Utc>) -> Option<Notified> {
        match self {
            Self::Reserved { at, told } if now - at >= KEPT_FOR => Some(told),
            Self::Waiting | Self::Reserved { .. } | Self::Undeliverable | Self::Expired => None,
        }
    }
}

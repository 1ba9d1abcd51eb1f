//! A clock that no user can set: the time since the machine started, suspended time included.

use std::time::Duration;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::sys;

/// A moment, in nanoseconds since the machine started. It orders events of all processes on this machine. It measures
/// ages that survive a change of the wall clock. It means nothing on another machine or after a restart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Tick(pub u64);

impl Tick {
    /// The moment of the call.
    pub fn now() -> Self {
        Self(sys::nanoseconds_since_boot())
    }

    /// How long before `now` this was. A moment later than `now` belongs to an earlier start of the machine, so its age
    /// is the maximum.
    pub fn age(self, now: Self) -> Duration {
        now.0.checked_sub(self.0).map_or(Duration::MAX, Duration::from_nanos)
    }
}

/// The time of one event, by both clocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Now {
    /// For people.
    pub at: DateTime<Utc>,
    /// For order and ages.
    pub tick: Tick,
}

impl Now {
    pub fn read() -> Self {
        Self { at: Utc::now(), tick: Tick::now() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// S16: an age needs no wall clock.
    #[test]
    fn ages_and_orders() {
        let earlier = Tick::now();
        let later = Tick::now();
        assert!(earlier <= later);
        assert_eq!(Tick(5).age(Tick(9)), Duration::from_nanos(4));
        assert_eq!(Tick(9).age(Tick(5)), Duration::MAX);
    }
}

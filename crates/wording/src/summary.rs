//! What a reminder only counts.

use sisyphus_state::store::Tally;

use super::measure::counted;

/// What the session has in the background.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Background {
    #[default]
    Commands,
    /// Delegated sessions too.
    Tasks,
}

impl Background {
    /// What one of them is called.
    fn one(self) -> &'static str {
        match self {
            Self::Commands => "background command",
            Self::Tasks => "background task",
        }
    }
}

/// Counts what a reminder does not report.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rest {
    pub background: Background,
    /// How many tasks of the session have not finished.
    pub live: usize,
    /// How many results are ready and follow later.
    pub owed: usize,
    /// If nothing is left to wait for: the results that were reported since that was last the case.
    pub sum: Tally,
}

impl Rest {
    /// Longest text of [`said`](Self::said).
    pub(super) const SAID_MAX: usize = 200;

    /// Says it in one line, with facts only.
    pub(super) fn said(&self) -> String {
        let one = self.background.one();
        let live = match self.live {
            0 if self.owed == 0 && self.sum.total() > 1 => {
                format!("All {} {one}s have finished: {}.", self.sum.total(), self.sum.said())
            }
            0 => format!("No other {one} is running."),
            1 => format!("1 other {one} has not finished."),
            count => format!("{count} other {one}s have not finished."),
        };
        match self.owed {
            0 => live,
            count => {
                let results = counted(count, "more result follows", "more results follow");
                format!("{live} {results} with the next event.")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_for_later_is_announced() {
        let said = |live, owed| Rest { live, owed, ..Rest::default() }.said();
        assert_eq!(
            said(0, 1),
            "No other background command is running. 1 more result follows with the next event."
        );
        assert_eq!(
            said(1, 7),
            "1 other background command has not finished. 7 more results follow with the next event."
        );
        let sum: Tally = serde_json::from_str(r#"{"completed":6,"failed":1}"#).unwrap();
        let finished = |live| Rest { live, sum: sum.clone(), ..Rest::default() }.said();
        assert_eq!(finished(0), "All 7 background commands have finished: 1 failed, 6 completed.");
        assert_eq!(finished(1), said(1, 0));
        let tasks = |live| Rest { live, background: Background::Tasks, ..Rest::default() }.said();
        assert_eq!(tasks(0), "No other background task is running.");
        assert_eq!(tasks(1), "1 other background task has not finished.");
        assert_eq!(tasks(2), "2 other background tasks have not finished.");
        assert!(said(usize::MAX, usize::MAX).len() <= Rest::SAID_MAX);
    }
}

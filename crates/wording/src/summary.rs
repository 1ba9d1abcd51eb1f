//! What a reminder only counts.

use sisyphus_state::store::Tally;

use super::measure::counted;

/// Counts what a reminder does not report.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rest {
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
        let live = match self.live {
            0 if self.owed == 0 && self.sum.total() > 1 => {
                format!(
                    "All {} background commands have finished: {}.",
                    self.sum.total(),
                    self.sum.said()
                )
            }
            0 => "No other background command is running.".to_owned(),
            count => counted(
                count,
                "other background command has not finished.",
                "other background commands have not finished.",
            ),
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
        let said = |live, owed| Rest { live, owed, sum: Tally::default() }.said();
        assert_eq!(
            said(0, 1),
            "No other background command is running. 1 more result follows with the next event."
        );
        assert_eq!(
            said(1, 7),
            "1 other background command has not finished. 7 more results follow with the next event."
        );
        let sum: Tally = serde_json::from_str(r#"{"completed":6,"failed":1}"#).unwrap();
        let finished = |live| Rest { live, owed: 0, sum: sum.clone() }.said();
        assert_eq!(finished(0), "All 7 background commands have finished: 1 failed, 6 completed.");
        assert_eq!(finished(1), said(1, 0));
        assert!(said(usize::MAX, usize::MAX).len() <= Rest::SAID_MAX);
    }
}

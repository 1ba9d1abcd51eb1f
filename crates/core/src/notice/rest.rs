//! What a reminder does not tell, but counts.

/// What is not told now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rest {
    /// How many tasks of the session have not ended.
    pub live: usize,
    /// How many results are ready and left for another time.
    pub owed: usize,
}

impl Rest {
    /// Longest text that it is said in.
    pub(super) const SAID_MAX: usize = 200;

    /// Says it in one line, facts only.
    pub(super) fn said(self) -> String {
        let live = match self.live {
            0 => "No other background command of this session is running.".to_owned(),
            1 => "1 other background command of this session has not ended.".to_owned(),
            count => format!("{count} other background commands of this session have not ended."),
        };
        match self.owed {
            0 => live,
            1 => format!("{live} 1 more result follows with the next event."),
            count => format!("{live} {count} more results follow with the next event."),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_for_later_is_announced() {
        let said = |live, owed| Rest { live, owed }.said();
        assert_eq!(
            said(0, 1),
            "No other background command of this session is running. 1 more result follows with the next event."
        );
        assert_eq!(
            said(1, 7),
            "1 other background command of this session has not ended. 7 more results follow with the next event."
        );
        assert!(said(usize::MAX, usize::MAX).len() <= Rest::SAID_MAX);
    }
}

//! What a session may cost. A limit is for one task: Claude Code counts what it spends itself, and not what the conversation
//! had cost before (CC-83).

use sisyphus_settings::Settings;

/// The limits of a new task, in dollars.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Budget {
    /// What the call names.
    pub(super) asked: Option<f64>,
    /// What the task before in the conversation had, in millionths of a dollar.
    pub(super) before_micro_usd: Option<u64>,
    /// What the calling conversation may cost.
    pub(super) callers: Option<f64>,
}

impl Budget {
    /// The limit that a task after this one keeps, in millionths of a dollar. The user's own limit is not in it: the user
    /// may change it.
    pub(super) fn kept_micro_usd(self) -> Option<u64> {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a budget is above 0, and a larger one than fits is none"
        )]
        self.of_call().map(|dollars| ((dollars * 1e6).round() as u64).max(1))
    }

    /// The limit of the task, in dollars.
    pub(super) fn dollars(self, settings: &Settings) -> Option<f64> {
        #[expect(clippy::cast_precision_loss, reason = "no budget has so many dollars")]
        let most = settings.delegate_max_budget_usd.map(|dollars| dollars as f64);
        smaller(self.of_call(), most)
    }

    fn of_call(self) -> Option<f64> {
        #[expect(clippy::cast_precision_loss, reason = "no budget has so many dollars")]
        let before = self.before_micro_usd.map(|micro| micro as f64 / 1e6);
        smaller(self.asked.or(before), self.callers)
    }
}

fn smaller(one: Option<f64>, other: Option<f64>) -> Option<f64> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each row: what the call asks for, what the task before had, what the caller may cost, the user's limit; then what
    /// the task gets, and what the next one keeps.
    #[test]
    fn the_smallest_budget_counts() {
        for (asked, before, callers, most, dollars, kept) in [
            (None, None, None, None, None, None),
            (Some(0.5), None, None, None, Some(0.5), Some(500_000)),
            (None, None, None, Some(5), Some(5.0), None),
            (Some(0.5), None, None, Some(5), Some(0.5), Some(500_000)),
            (Some(9.0), None, None, Some(5), Some(5.0), Some(9_000_000)),
            (None, Some(2_000_000), None, None, Some(2.0), Some(2_000_000)),
            (None, Some(2_000_000), None, Some(1), Some(1.0), Some(2_000_000)),
            (Some(3.0), Some(2_000_000), None, Some(5), Some(3.0), Some(3_000_000)),
            (Some(3.0), Some(2_000_000), Some(1.0), None, Some(1.0), Some(1_000_000)),
            (None, None, Some(1.0), Some(5), Some(1.0), Some(1_000_000)),
        ] {
            let budget = Budget { asked, before_micro_usd: before, callers };
            let settings = Settings { delegate_max_budget_usd: most, ..Settings::default() };
            assert_eq!(budget.dollars(&settings), dollars, "{budget:?} {most:?}");
            assert_eq!(budget.kept_micro_usd(), kept, "{budget:?} {most:?}");
        }
    }
}

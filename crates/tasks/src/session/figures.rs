//! The figures of a session, in words.

use super::SessionReport;

/// An amount of millionths of a dollar, as people write it.
///
/// ```
/// use sisyphus_tasks::session::dollars;
///
/// assert_eq!(dollars(1_234_567), "$1.23");
/// ```
pub fn dollars(micro_usd: u64) -> String {
    match micro_usd.saturating_add(5_000) / 10_000 {
        0 if micro_usd > 0 => "under $0.01".to_owned(),
        cents => format!("${}.{:02}", cents / 100, cents % 100),
    }
}

impl SessionReport {
    /// The tools whose calls were denied, each once with how often, the most frequent first.
    pub fn denials(&self) -> Vec<(&str, usize)> {
        let mut counts: Vec<(&str, usize)> = Vec::new();
        for tool in &self.denied {
            match counts.iter_mut().find(|(name, _)| name == tool) {
                Some((_, count)) => *count += 1,
                None => counts.push((tool, 1)),
            }
        }
        // The sort is stable, so equal counts stay in the order of their first denial.
        counts.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        counts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_amount_is_rounded_to_cents() {
        let cases = [
            (0, "$0.00"),
            (1, "under $0.01"),
            (4_999, "under $0.01"),
            (5_000, "$0.01"),
            (420_000, "$0.42"),
            (995_000, "$1.00"),
            (123_456_789, "$123.46"),
        ];
        for (micro_usd, expected) in cases {
            assert_eq!(dollars(micro_usd), expected);
        }
        assert!(dollars(u64::MAX).starts_with('$'));
    }

    #[test]
    fn denials_are_counted_by_tool() {
        let denied = ["Write", "Bash", "Edit", "Bash"].map(str::to_owned).to_vec();
        let report = SessionReport { denied, ..SessionReport::default() };
        assert_eq!(report.denials(), [("Bash", 2), ("Write", 1), ("Edit", 1)]);
    }
}

//! The printed result of a check, and the table of all results.

use super::check::Verdict;
use super::home::Home;
use super::injector::Kills;

/// How many of each kind of failure are printed in full.
const SHOWN: usize = 3;

impl Verdict {
    /// Whether a scene with this limit may have this result. A call that a killed hook did not announce has no runner.
    /// If a hook did not bind the call, the runner can't know that it may wait. Both kinds run at once.
    pub(super) fn is_right(&self, limit: usize, kills: Kills) -> bool {
        let counted = if kills == Kills::None { self.at_once } else { self.limited_at_once };
        let is_limited = counted <= limit;
        let failures = [&self.never, &self.twice, &self.wrong, &self.violations];
        is_limited && failures.iter().all(|failures| failures.is_empty())
    }

    /// Prints the failures, with the product's own records of them.
    pub(super) fn print(&self, home: &Home) {
        let kinds = [
            ("NEVER REPORTED", &self.never),
            ("REPORTED TWICE", &self.twice),
            ("REPORTED WRONG", &self.wrong),
            ("VIOLATED", &self.violations),
        ];
        for (kind, failures) in kinds {
            for failure in failures.iter().take(SHOWN) {
                println!("{kind} {failure}");
            }
            if failures.len() > SHOWN {
                println!("{kind} {} more", failures.len() - SHOWN);
            }
        }
        for (cause, count) in &self.excused {
            println!("{count:>7} not reported: {cause}");
        }
        for (what, count) in &self.notes {
            println!("{count:>7} {what}");
        }
        let log = home.config().join("plugins/data/sisyphus/state/hooks.log");
        let lines = std::fs::read_to_string(log).unwrap_or_default().lines().count();
        println!("{lines:>7} lines in hooks.log");
    }
}

/// One row of the table.
pub(super) struct Row {
    pub(super) scene: String,
    pub(super) seed: u64,
    pub(super) limit: usize,
    pub(super) kills: Kills,
    pub(super) verdict: Verdict,
}

/// Prints the table.
pub(super) fn print_table(rows: &[Row]) {
    println!();
    println!(
        "| scene | seed | endings | never reported | reported twice unmarked | reported wrong | at once, limited (limit) | other violations | known to killed processes only |"
    );
    println!("|---|--:|--:|--:|--:|--:|--:|--:|--:|");
    for Row { scene, seed, limit, verdict, .. } in rows {
        println!(
            "| {scene} | {seed} | {} | {} | {} | {} | {}, {} ({limit}) | {} | {} |",
            verdict.endings,
            verdict.never.len(),
            verdict.twice.len(),
            verdict.wrong.len(),
            verdict.at_once,
            verdict.limited_at_once,
            verdict.violations.len(),
            verdict.excused.values().sum::<usize>(),
        );
    }
}

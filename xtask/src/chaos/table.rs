//! What is printed of a verdict, and the table of all of them.

use super::check::Verdict;
use super::home::Home;
use super::injector::Kills;

/// So many of each kind of failure are printed in full.
const SHOWN: usize = 3;

impl Verdict {
    /// Whether a scene with this limit may come to this. What a killed hook did not announce has no runner, and of what
    /// it did not bind the runner can't know that it may wait: both run at once.
    pub(super) fn is_right(&self, limit: usize, kills: Kills) -> bool {
        let counted = if kills == Kills::None { self.at_once } else { self.limited_at_once };
        let is_limited = counted <= limit;
        let failures = [&self.never, &self.twice, &self.wrong, &self.violations];
        is_limited && failures.iter().all(|failures| failures.is_empty())
    }

    /// Prints what went wrong, with what the product believes of it.
    pub(super) fn print(&self, home: &Home) {
        let kinds = [
            ("NEVER TOLD", &self.never),
            ("TOLD TWICE", &self.twice),
            ("TOLD WRONG", &self.wrong),
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
            println!("{count:>7} not told: {cause}");
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
        "| scene | seed | endings | never told | told twice unmarked | told wrong | at once, limited (limit) | other violations | known to killed ones only |"
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

//! Figures of ended tasks.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use sisyphus_tasks::task::Task;

use super::spread::Spread;
use crate::style::Hue;
use crate::table::Cell;

/// Figures of some tasks.
#[derive(Debug, Default)]
pub(super) struct Tally {
    outcomes: BTreeMap<&'static str, usize>,
    /// From the actual start to the end.
    pub(super) durations: Spread,
    /// For a slot, before the start.
    pub(super) waits: Spread,
}

impl Tally {
    pub(super) fn add(&mut self, task: &Task) {
        let Some(ending) = task.status().ending() else { return };
        *self.outcomes.entry(ending.outcome.word()).or_default() += 1;
        ending.duration_ms.into_iter().for_each(|ms| self.durations.add(ms));
        ending.waited_ms.into_iter().for_each(|ms| self.waits.add(ms));
    }

    pub(super) fn runs(&self) -> usize {
        self.outcomes.values().sum()
    }

    fn count(&self, word: &str) -> usize {
        self.outcomes.get(word).copied().unwrap_or_default()
    }

    /// The share of completed commands among those that ended by themselves or timed out. A command that was cancelled,
    /// lost or ended with an unknown code says nothing about its success.
    pub(super) fn success_rate(&self) -> Option<f64> {
        let completed = self.count("completed");
        let known: usize =
            ["failed", "killed", "timed_out"].iter().map(|word| self.count(word)).sum();
        #[expect(clippy::cast_precision_loss, reason = "no machine has so many tasks")]
        let rate = completed as f64 / (completed + known) as f64;
        (completed + known > 0).then_some(rate)
    }

    /// That share as a cell of a table.
    pub(super) fn rate(&self) -> Cell {
        let rate = self.success_rate();
        let percent = rate.map_or_else(|| "-".to_owned(), |rate| format!("{:.0} %", rate * 100.0));
        let hue = match rate {
            Some(1.0) => Hue::Good,
            Some(0.0) => Hue::Bad,
            Some(_) | None => Hue::None,
        };
        Cell::of(hue, percent)
    }

    /// "12 ended: 10 completed, 2 failed".
    pub(super) fn said(&self) -> String {
        let parts: Vec<String> = self
            .outcomes
            .iter()
            .map(|(word, count)| format!("{count} {}", word.replace('_', " ")))
            .collect();
        format!("{} ended: {}", self.runs(), parts.join(", "))
    }

    pub(super) fn view(&self) -> Value {
        json!({
            "runs": self.runs(), "outcomes": self.outcomes, "success_rate": self.success_rate(),
            "duration_ms": self.durations.view(), "waited_ms": self.waits.view(),
        })
    }
}

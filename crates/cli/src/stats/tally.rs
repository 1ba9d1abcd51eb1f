//! Figures of ended tasks.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use sisyphus_tasks::outcome::duration;
use sisyphus_tasks::task::Task;

use super::spread::Spread;
use crate::format::size;
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
    /// What those used together whose use was counted.
    cpu_ms: Option<u64>,
    /// The largest of their processes.
    largest_process_bytes: Option<u64>,
}

impl Tally {
    pub(super) fn add(&mut self, task: &Task) {
        let Some(ending) = task.status().ending() else { return };
        *self.outcomes.entry(ending.outcome.word()).or_default() += 1;
        ending.duration_ms.into_iter().for_each(|ms| self.durations.add(ms));
        ending.waited_ms.into_iter().for_each(|ms| self.waits.add(ms));
        let Some(usage) = ending.usage else { return };
        self.cpu_ms = Some(self.cpu_ms.unwrap_or_default().saturating_add(usage.cpu_ms));
        self.largest_process_bytes =
            self.largest_process_bytes.max(Some(usage.largest_process_bytes));
    }

    /// Whether the use of any of them was counted.
    pub(super) fn has_usage(&self) -> bool {
        self.cpu_ms.is_some()
    }

    /// Processor time and largest process as cells of a table.
    pub(super) fn usage(&self) -> [Cell; 2] {
        let said = [self.cpu_ms.map(duration), self.largest_process_bytes.map(size)];
        said.map(|said| Cell::from(said.unwrap_or_else(|| "-".to_owned())))
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
            "cpu_ms": self.cpu_ms, "largest_process_bytes": self.largest_process_bytes,
        })
    }
}

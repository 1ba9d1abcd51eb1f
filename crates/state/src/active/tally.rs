//! How many results a session has read, by their outcome.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// How often each outcome occurred, by its word.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Tally(BTreeMap<String, usize>);

impl<'a> FromIterator<&'a str> for Tally {
    fn from_iter<I: IntoIterator<Item = &'a str>>(words: I) -> Self {
        let mut tally = Self::default();
        words.into_iter().for_each(|word| tally.add(word));
        tally
    }
}

impl Tally {
    pub(crate) fn add(&mut self, word: &str) {
        *self.0.entry(word.to_owned()).or_default() += 1;
    }

    /// Takes back one that was not read after all.
    pub(crate) fn take_back(&mut self, word: &str) {
        if let Some(count) = self.0.get_mut(word) {
            *count = count.saturating_sub(1);
        }
        self.0.retain(|_, count| *count > 0);
    }

    pub fn total(&self) -> usize {
        self.0.values().sum()
    }

    /// How many did not succeed. An unknown outcome does not count.
    pub fn failures(&self) -> usize {
        let went_well = ["completed", "unknown"].map(|word| self.0.get(word).copied());
        self.total() - went_well.into_iter().flatten().sum::<usize>()
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// "1 failed, 6 completed": successes come last.
    pub fn said(&self) -> String {
        let mut words: Vec<(&String, &usize)> = self.0.iter().collect();
        words.sort_by_key(|(word, _)| *word == "completed");
        let parts: Vec<String> = words
            .iter()
            .map(|(word, count)| format!("{count} {}", word.replace('_', " ")))
            .collect();
        parts.join(", ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_failures_first() {
        let mut tally = Tally::default();
        for word in ["completed", "timed_out", "completed", "failed"] {
            tally.add(word);
        }
        assert_eq!(tally.total(), 4);
        assert_eq!(tally.said(), "1 failed, 1 timed out, 2 completed");
        for word in ["completed", "failed", "failed", "lost"] {
            tally.take_back(word);
        }
        assert_eq!(tally.said(), "1 timed out, 1 completed");
    }
}

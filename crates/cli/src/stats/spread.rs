//! A set of times, with its median and its 95th percentile.

use serde_json::{Value, json};

/// Times in milliseconds.
#[derive(Debug, Default)]
pub(super) struct Spread {
    sorted: Vec<u64>,
}

impl Spread {
    pub(super) fn add(&mut self, ms: u64) {
        let place = self.sorted.partition_point(|known| *known <= ms);
        self.sorted.insert(place, ms);
    }

    /// The time that half of them do not exceed.
    pub(super) fn median(&self) -> Option<u64> {
        self.percentile(50)
    }

    /// The time that 95 of 100 do not exceed.
    pub(super) fn p95(&self) -> Option<u64> {
        self.percentile(95)
    }

    /// The smallest time that `percent` of a hundred do not exceed, always a measured one.
    fn percentile(&self, percent: usize) -> Option<u64> {
        let rank = (self.sorted.len() * percent).div_ceil(100).max(1);
        self.sorted.get(rank - 1).copied()
    }

    /// `null` if there are no times.
    pub(super) fn view(&self) -> Value {
        if self.sorted.is_empty() {
            return Value::Null;
        }
        json!({ "count": self.sorted.len(), "median": self.median(), "p95": self.p95() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_by_the_nearest_rank() {
        let cases: &[(&[u64], Option<u64>, Option<u64>)] = &[
            (&[], None, None),
            (&[7], Some(7), Some(7)),
            (&[2, 1], Some(1), Some(2)),
            (&[3, 1, 2], Some(2), Some(3)),
            (&[4, 3, 2, 1], Some(2), Some(4)),
        ];
        for (times, median, p95) in cases {
            let mut spread = Spread::default();
            times.iter().for_each(|ms| spread.add(*ms));
            assert_eq!((spread.median(), spread.p95()), (*median, *p95), "{times:?}");
        }
        let mut hundred = Spread::default();
        (1..=100).rev().for_each(|ms| hundred.add(ms));
        assert_eq!((hundred.median(), hundred.p95()), (Some(50), Some(95)));
    }
}

//! Pseudo-random numbers that depend only on the seed.

use std::time::Duration;

/// `SplitMix64`, which is random enough for this test.
#[derive(Debug, Clone)]
pub(super) struct Random {
    state: u64,
}

impl Random {
    /// The numbers of one actor among several with the same seed.
    pub(super) fn of(seed: u64, who: u64) -> Self {
        let mut random = Self { state: seed ^ who.wrapping_mul(0xA076_1D64_78BD_642F) };
        random.next();
        random
    }

    fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// One of `0..count`.
    pub(super) fn below(&mut self, count: usize) -> usize {
        let count = u64::try_from(count.max(1)).unwrap_or(u64::MAX);
        usize::try_from(self.next() % count).unwrap_or_default()
    }

    /// True in `percent` of a hundred calls.
    pub(super) fn happens(&mut self, percent: usize) -> Chance {
        if self.below(100) < percent { Chance::Yes } else { Chance::No }
    }

    /// True in `count` of a thousand calls.
    pub(super) fn happens_per_mille(&mut self, count: usize) -> Chance {
        if self.below(1_000) < count { Chance::Yes } else { Chance::No }
    }

    pub(super) fn pick<'a, T>(&mut self, items: &'a [T]) -> Option<&'a T> {
        items.get(self.below(items.len()))
    }

    /// Up to `longest` milliseconds, mostly short.
    pub(super) fn pause(&mut self, longest: usize) -> Duration {
        let (one, other) = (self.below(longest), self.below(longest));
        Duration::from_millis((one * other / longest.max(1)) as u64)
    }
}

/// The result of a random decision.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Chance {
    Yes,
    No,
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `Random` gives the same numbers for the same seed and caller, and others for another seed or caller.
    #[test]
    fn a_seed_repeats_its_numbers() {
        let numbers = |seed, who| {
            let mut random = Random::of(seed, who);
            [(); 8].map(|()| random.below(1_000_000))
        };
        assert_eq!(numbers(1, 1), numbers(1, 1));
        assert_ne!(numbers(1, 1), numbers(1, 2));
        assert_ne!(numbers(1, 1), numbers(2, 1));
    }
}

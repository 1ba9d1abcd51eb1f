//! Times processes from spawn to exit, in alternation.

use std::fs::File;
use std::hash::{BuildHasher as _, RandomState};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};

use super::report::{Row, Summary, rounded};

/// Something to time: its name, how to start it, and its input.
pub(crate) struct Candidate<'a> {
    pub(crate) name: String,
    pub(crate) prepare: Box<dyn FnMut() -> Result<(Command, Option<File>)> + 'a>,
}

impl<'a> Candidate<'a> {
    pub(crate) fn new(
        name: impl Into<String>,
        prepare: impl FnMut() -> Result<(Command, Option<File>)> + 'a,
    ) -> Self {
        Self { name: name.into(), prepare: Box::new(prepare) }
    }

    /// The lower bound: nothing is cheaper.
    pub(crate) fn bin_true() -> Self {
        Self::new("/bin/true", || Ok((Command::new("/bin/true"), None)))
    }
}

/// The times of one candidate, sorted.
#[derive(Debug)]
pub(crate) struct Times {
    name: String,
    sorted: Vec<Duration>,
}

impl Times {
    pub(crate) fn of(name: impl Into<String>, mut times: Vec<Duration>) -> Self {
        times.sort();
        Self { name: name.into(), sorted: times }
    }

    /// The time that `share` of the runs did not exceed.
    fn quantile(&self, share: f64) -> f64 {
        #[expect(
            clippy::cast_precision_loss,
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "an index into a few hundred runs"
        )]
        let index = (self.sorted.len().saturating_sub(1) as f64 * share).round() as usize;
        self.sorted.get(index).map_or(f64::NAN, |time| millis(*time))
    }

    pub(crate) fn median_ms(&self) -> f64 {
        self.quantile(0.5)
    }

    /// A row without a ratio.
    pub(crate) fn row(&self) -> Row {
        let summary = Summary {
            median_ms: rounded(self.median_ms()),
            p95_ms: rounded(self.quantile(0.95)),
            ratio: None,
        };
        Row { times: Some(summary), ..Row::named(&self.name) }
    }

    /// A row with the ratio to another median.
    pub(crate) fn row_beside(&self, reference_ms: f64) -> Row {
        let mut row = self.row();
        if let Some(times) = &mut row.times {
            times.ratio = Some(rounded(self.median_ms() / reference_ms));
        }
        row
    }
}

/// The rows of several candidates, compared with the first.
pub(crate) fn rows(times: &[Times]) -> Vec<Row> {
    let reference = times.first().map_or(f64::NAN, Times::median_ms);
    times.iter().map(|times| times.row_beside(reference)).collect()
}

pub(crate) fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

/// The order of each round. It varies, because what one candidate leaves in the caches helps the next one.
pub(crate) struct Turns {
    count: usize,
    dice: RandomState,
}

impl Turns {
    pub(crate) fn of(count: usize) -> Self {
        Self { count, dice: RandomState::new() }
    }

    pub(crate) fn of_round(&self, round: usize) -> Vec<usize> {
        let mut order: Vec<usize> = (0..self.count).collect();
        order.sort_by_cached_key(|place| self.dice.hash_one((round, *place)));
        order
    }
}

/// Runs every candidate `rounds` times, all of them in each round.
pub(crate) fn take_turns(mut candidates: Vec<Candidate<'_>>, rounds: usize) -> Result<Vec<Times>> {
    let mut times: Vec<Vec<Duration>> = vec![Vec::new(); candidates.len()];
    let turns = Turns::of(candidates.len());
    // The first rounds warm the caches and are not counted.
    let warm_up = (rounds / 20).clamp(1, 10);
    for round in 0..rounds + warm_up {
        for place in turns.of_round(round) {
            let candidate = &mut candidates[place];
            let (mut command, input) = (candidate.prepare)()?;
            command.stdin(input.map_or_else(Stdio::null, Stdio::from));
            let start = Instant::now();
            let status = command.status().with_context(|| format!("could not run {command:?}"))?;
            let elapsed = start.elapsed();
            ensure!(status.success(), "{} ended with {status}", candidate.name);
            if round >= warm_up {
                times[place].push(elapsed);
            }
        }
    }
    Ok(candidates.iter().zip(times).map(|(it, times)| Times::of(&it.name, times)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_summed_up_and_compared_to_the_first() {
        let times = |name, factor: u64| {
            Times::of(name, (1..=100).rev().map(|it| Duration::from_millis(it * factor)).collect())
        };
        let rows = rows(&[times("a", 1), times("b", 3)]);
        let summary = |median_ms, p95_ms, ratio| Some(Summary { median_ms, p95_ms, ratio });
        assert_eq!(rows[0].times, summary(51.0, 95.0, Some(1.0)));
        assert_eq!(rows[1].times, summary(153.0, 285.0, Some(3.0)));
    }

    #[test]
    fn everybody_has_one_turn_in_each_round() {
        let turns = Turns::of(5);
        let orders: Vec<Vec<usize>> = (0..50).map(|round| turns.of_round(round)).collect();
        for order in &orders {
            let mut sorted = order.clone();
            sorted.sort_unstable();
            assert_eq!(sorted, [0, 1, 2, 3, 4]);
        }
        assert!(orders.iter().any(|order| order != &orders[0]));
    }
}

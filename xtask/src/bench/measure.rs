//! Times processes from spawn to exit, taking turns.

use std::fs::File;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};

/// Something to be timed: its name, how it is started, and what it reads.
pub(crate) struct Candidate<'a> {
    pub(crate) name: String,
    pub(crate) prepare: Box<dyn FnMut() -> Result<(Command, Option<File>)> + 'a>,
}

/// The times of one candidate, sorted.
pub(crate) struct Times {
    pub(crate) name: String,
    sorted: Vec<Duration>,
}

impl Times {
    pub(crate) fn of(name: &str, mut times: Vec<Duration>) -> Self {
        times.sort();
        Self { name: name.to_owned(), sorted: times }
    }

    /// The time that `share` of the runs did not exceed.
    fn quantile(&self, share: f64) -> f64 {
        #[expect(
            clippy::cast_precision_loss,
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "an index into a few hundred runs"
        )]
        let index = ((self.sorted.len() - 1) as f64 * share).round() as usize;
        self.sorted[index].as_secs_f64() * 1e3
    }

    pub(crate) fn median_ms(&self) -> f64 {
        self.quantile(0.5)
    }
}

/// Runs every candidate `rounds` times, one after the other in each round.
pub(crate) fn take_turns(candidates: Vec<Candidate<'_>>, rounds: usize) -> Result<Vec<Times>> {
    let mut candidates = candidates;
    let mut times: Vec<Times> = candidates
        .iter()
        .map(|candidate| Times { name: candidate.name.clone(), sorted: Vec::new() })
        .collect();
    // The first rounds warm the caches and are not counted.
    let warm_up = (rounds / 20).clamp(1, 10);
    for round in 0..rounds + warm_up {
        for (candidate, times) in candidates.iter_mut().zip(&mut times) {
            let (mut command, input) = (candidate.prepare)()?;
            command.stdin(input.map_or_else(Stdio::null, Stdio::from));
            let start = Instant::now();
            let status = command.status().with_context(|| format!("could not run {command:?}"))?;
            let elapsed = start.elapsed();
            ensure!(status.success(), "{} ended with {status}", candidate.name);
            if round >= warm_up {
                times.sorted.push(elapsed);
            }
        }
    }
    for times in &mut times {
        times.sorted.sort();
    }
    Ok(times)
}

/// Prints the times as a table, the first candidate being the reference, and returns them as JSON.
pub(crate) fn report(title: &str, times: &[Times]) -> Value {
    println!("\n{title}");
    println!("{:<44} {:>10} {:>10} {:>8}", "", "median ms", "p95 ms", "ratio");
    let reference = times.first().map_or(1.0, Times::median_ms);
    let rows: Vec<Value> = times
        .iter()
        .map(|times| {
            let (median, p95) = (times.median_ms(), times.quantile(0.95));
            let ratio = median / reference;
            println!("{:<44} {median:>10.3} {p95:>10.3} {ratio:>8.2}", times.name);
            json!({ "name": times.name, "median_ms": median, "p95_ms": p95, "ratio": ratio })
        })
        .collect();
    json!({ "title": title, "rows": rows })
}

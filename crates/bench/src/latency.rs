//! How soon the next queued command starts when a slot becomes free, by the two commands' own clocks.

use std::time::Duration;

use anyhow::Result;

use super::comparison::Contender;
use super::measure::{Times, Turns, rows};
use super::report::Table;
use super::stage::Stage;
use super::track::{Size, Track};

/// A daemon is started and stopped in each round.
const ROUNDS: usize = 60;
const WARM_UP: usize = 2;

/// One slot: a holder waits at a gate, one command is queued behind it. Measures the time from the last output of the
/// first to the first output of the second.
pub(crate) fn run(stage: &Stage) -> Result<Vec<Table>> {
    let contestants = Contender::all(stage)?;
    let mut times: Vec<Vec<Duration>> = vec![Vec::new(); contestants.len()];
    let turns = Turns::of(contestants.len());
    let warm_up = stage.warm_up(WARM_UP);
    for round in 0..stage.rounds(ROUNDS) + warm_up {
        for place in turns.of_round(round) {
            let contestant = &contestants[place];
            let track = Track::lay(stage, contestant.name(), Size { slots: 1, commands: 1 })?;
            contestant.pass(stage, &track)?;
            if round >= warm_up {
                times[place].push(track.gap()?);
            }
        }
    }
    let times: Vec<Times> =
        contestants.iter().zip(times).map(|(it, times)| Times::of(it.name(), times)).collect();
    let title = "From the last word of a slot's holder to the first of the next command";
    Ok(vec![Table::new(title, rows(&times)).with_note("goal: 1.0, and a p95 of at most 50 ms")])
}

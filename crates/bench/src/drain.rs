//! How fast a queue of short commands is drained, compared with other tools.

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};

use super::comparison::Contender;
use super::hooks::{announcement, snippet_of};
use super::measure::{Times, Turns, rows};
use super::ours;
use super::report::{Row, Table};
use super::stage::Stage;
use super::track::{Size, Track};

const SLOTS: usize = 5;
const COMMANDS: usize = 500;
const ROUNDS: usize = 3;

/// The measurements of one contender.
#[derive(Default)]
struct Results {
    queueing: Vec<Duration>,
    draining: Vec<Duration>,
    ending: Vec<Duration>,
    farthest: usize,
}

/// Drains the same queue through each contender, in alternation.
pub(crate) fn run(stage: &Stage) -> Result<Vec<Table>> {
    let contestants = Contender::all(stage)?;
    let size = Size { slots: SLOTS, commands: stage.pace().pick(COMMANDS, 20) };
    let mut results: Vec<Results> = contestants.iter().map(|_| Results::default()).collect();
    let stand_ins = StandIns::make(stage)?;
    let mut starts = Vec::new();
    let turns = Turns::of(contestants.len());
    for round in 0..stage.pace().pick(ROUNDS, 1) {
        for place in turns.of_round(round) {
            let (contestant, result) = (&contestants[place], &mut results[place]);
            let track = Track::lay(stage, contestant.name(), size)?;
            let passed = contestant.pass(stage, &track)?;
            result.queueing.push(passed.queueing);
            result.draining.push(passed.draining);
            result.ending.push(passed.ending);
            result.farthest = result.farthest.max(track.farthest()?);
        }
        starts.push(stand_ins.queue(stage, size.commands)?);
    }
    let times = |pick: fn(&Results) -> &Vec<Duration>| -> Vec<Times> {
        let pairs = contestants.iter().zip(&results);
        pairs.map(|(it, result)| Times::of(it.name(), pick(result).clone())).collect()
    };
    let endings = times(|result| &result.ending);
    let with_order = |((row, result), ending): ((Row, &Results), &Times)| {
        #[expect(clippy::cast_precision_loss, reason = "a place among a few hundred")]
        let places = result.farthest as f64;
        row.with("most places out of turn", places)
            .with("until all of it had ended, ms", ending.median_ms())
    };
    let draining = rows(&times(|result| &result.draining)).into_iter().zip(&results);
    let draining: Vec<Row> = draining.zip(&endings).map(with_order).collect();
    let count = size.commands;
    let title =
        format!("{count} commands of 10 ms through {SLOTS} slots, from the opening of the line");
    let queueing = format!("Queueing {count} commands, one after the other");
    let mut queued = times(|result| &result.queueing);
    queued.push(Times::of("C programs with the same starts", starts));
    Ok(vec![
        Table::new(title, draining)
            .with_note("goal: 1.0; five at once start side by side, so a few places say nothing"),
        Table::new(queueing, rows(&queued))
            .with_note("goal: 4; xargs gets a list; of ours each is two hooks and a shell"),
    ])
}

/// Programs that do nothing, in the places of the hooks and the runner: what so many starts of processes cost alone.
struct StandIns {
    hook: PathBuf,
    event: PathBuf,
    string: String,
}

impl StandIns {
    fn make(stage: &Stage) -> Result<Self> {
        let hook = stage.reader_in_c()?;
        let string = format!("true && {}: && eval true", snippet_of(stage, &stage.stand_in()?)?);
        Ok(Self { hook, event: announcement(stage)?, string })
    }

    /// Starts a hook, the shell and a hook for each command. The shells end by themselves.
    fn queue(&self, stage: &Stage, commands: usize) -> Result<Duration> {
        let mut shells = Vec::new();
        let start = Instant::now();
        for _ in 0..commands {
            ours::run(Command::new(&self.hook), &self.event)?;
            let mut shell = Command::new("/bin/bash");
            stage.apply(&mut shell);
            let shell = shell.args(["-c", &self.string]).stdin(Stdio::null());
            shells.push(shell.spawn().context("could not start a shell")?);
            ours::run(Command::new(&self.hook), &self.event)?;
        }
        let queueing = start.elapsed();
        for mut shell in shells {
            let status = shell.wait()?;
            ensure!(status.success(), "a stand-in ended with {status}");
        }
        Ok(queueing)
    }
}

//! How fast a line of short commands is worked off, beside other tools that do that.
//!
//! The same for all: commands that wait at a gate take every slot, the short ones queue up behind them, then the gate is
//! opened. Taken is the time from there until the last short command has ended by its own account.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Child;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};

use super::measure::{Times, report};
use super::ours::{Ours, wait_until};
use super::rivals::{self, Rival};
use super::stage::Stage;

pub(crate) const SLOTS: usize = 5;
const COMMANDS: usize = 500;
const ROUNDS: usize = 3;
/// Each line that a command leaves: its number and a line break.
const MARK_BYTES: u64 = 5;

/// Where the commands of one round meet.
pub(crate) struct Track {
    folder: PathBuf,
}

impl Track {
    fn lay(stage: &Stage, name: &str) -> Result<Self> {
        let folder = stage.home().join(format!("track-{name}"));
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder)?;
        let track = Self { folder };
        nix::unistd::mkfifo(&track.gate(), nix::sys::stat::Mode::S_IRWXU)
            .context("could not make the gate")?;
        Ok(track)
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    fn gate(&self) -> PathBuf {
        self.folder.join("gate")
    }

    /// Takes a slot until the gate is opened.
    pub(crate) fn blocker(&self) -> String {
        format!(
            "echo gate >> {}/arrived; read -r x < {} || true",
            self.folder.display(),
            self.gate().display()
        )
    }

    /// The short command `number`: it says when it starts and when it ends.
    pub(crate) fn short(&self, number: usize) -> String {
        let folder = self.folder.display();
        format!(
            "echo {number:04} >> {folder}/started; sleep 0.01; echo {number:04} >> {folder}/ended"
        )
    }

    pub(crate) fn shorts(&self) -> impl Iterator<Item = String> {
        (0..COMMANDS).map(|number| self.short(number))
    }

    fn lines(&self, name: &str) -> u64 {
        fs::metadata(self.folder.join(name)).map_or(0, |file| file.len()) / MARK_BYTES
    }

    /// Waits until every slot is taken.
    pub(crate) fn wait_until_taken(&self) -> Result<()> {
        wait_until("the slots to be taken", || self.lines("arrived") >= SLOTS as u64).map(drop)
    }

    /// Opens the gate, and waits for the last short command.
    fn open(&self) -> Result<Duration> {
        let start = Instant::now();
        // Opening lets everybody through who is there; closing ends their reading.
        File::options().write(true).open(self.gate()).context("could not open the gate")?;
        let end = wait_until("the short commands", || self.lines("ended") >= COMMANDS as u64)?;
        Ok(end - start)
    }

    /// By how many places the command that started most out of turn was away from its own.
    fn farthest(&self) -> Result<usize> {
        let text = fs::read_to_string(self.folder.join("started"))?;
        let mut farthest = 0;
        for (place, line) in text.lines().enumerate() {
            let number: usize = line.parse().context("a mark is damaged")?;
            farthest = farthest.max(place.abs_diff(number));
        }
        Ok(farthest)
    }
}

/// What was measured of one contestant.
struct Results {
    name: String,
    queueing: Vec<Duration>,
    draining: Vec<Duration>,
    farthest: usize,
}

/// Drains the same line through each contestant in turn. `installs` says whether a missing pueue is installed.
pub(crate) fn run(stage: &Stage, installs: rivals::Missing) -> Result<Value> {
    let rivals = rivals::all(installs)?;
    let names = rivals.iter().map(Rival::name).chain(["sisyphus"]);
    let mut results: Vec<Results> = names
        .map(|name| Results {
            name: name.to_owned(),
            queueing: Vec::new(),
            draining: Vec::new(),
            farthest: 0,
        })
        .collect();
    for _ in 0..ROUNDS {
        for (result, rival) in results.iter_mut().zip(rivals.iter().map(Some).chain([None])) {
            let track = Track::lay(stage, &result.name)?;
            let (queueing, draining) = match rival {
                Some(rival) => {
                    let line = rival.queue(stage, &track)?;
                    let draining = track.open()?;
                    (line.queueing, {
                        line.close()?;
                        draining
                    })
                }
                None => drain_ours(stage, &track)?,
            };
            result.queueing.push(queueing);
            result.draining.push(draining);
            result.farthest = result.farthest.max(track.farthest()?);
        }
    }
    let rows = |pick: fn(&Results) -> &Vec<Duration>| -> Vec<Times> {
        results.iter().map(|result| Times::of(&result.name, pick(result).clone())).collect()
    };
    let draining = report(
        &format!(
            "{COMMANDS} commands of 10 ms through {SLOTS} slots, from the opening of the line"
        ),
        &rows(|result| &result.draining),
    );
    let queueing = report(
        &format!("Queueing {COMMANDS} commands, one after the other"),
        &rows(|result| &result.queueing),
    );
    println!("\nMost places from its turn at which a command started");
    for result in &results {
        println!("{:<44} {:>10}", result.name, result.farthest);
    }
    let farthest: Vec<Value> = results
        .iter()
        .map(|result| json!({ "name": result.name, "places": result.farthest }))
        .collect();
    Ok(json!({ "draining": draining, "queueing": queueing, "order": farthest }))
}

fn drain_ours(stage: &Stage, track: &Track) -> Result<(Duration, Duration)> {
    stage.forget()?;
    let mut ours = Ours::start(stage, "drain")?;
    let mut children: Vec<Child> =
        (0..SLOTS).map(|_| ours.background(&track.blocker())).collect::<Result<_>>()?;
    track.wait_until_taken()?;
    let start = Instant::now();
    for command in track.shorts() {
        children.push(ours.background(&command)?);
    }
    let queueing = start.elapsed();
    wait_until("all to stand in line", || ours.waiting() == COMMANDS)?;
    let draining = track.open()?;
    let last = Instant::now();
    for mut child in children {
        let status = child.wait()?;
        ensure!(status.success(), "a command ended with {status}");
    }
    println!(
        "sisyphus: {:.0} ms more until the last runner had ended",
        last.elapsed().as_secs_f64() * 1e3
    );
    Ok((queueing, draining))
}

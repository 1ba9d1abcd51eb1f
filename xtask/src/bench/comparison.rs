//! A line of commands behind a gate, and those who work it off.
//!
//! The same for all: commands that wait at a gate take every slot, the short ones queue up behind them, then the gate is
//! opened.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Child;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use serde_json::json;

use super::competitors::{self, Competitor};
use super::ours::{Ours, wait_until};
use super::stage::Stage;

/// Each line that a command leaves: its number and a line break.
const MARK_BYTES: u64 = 5;
/// Until then a runner of ours still asks whether it is a background command at all. Others get the same time.
const SETTLED: Duration = Duration::from_millis(40);

/// How many run at once, and how many stand in line behind those at the gate.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Size {
    pub(crate) slots: usize,
    pub(crate) commands: usize,
}

/// Where the commands of one round meet.
pub(crate) struct Track {
    folder: PathBuf,
    pub(crate) size: Size,
}

impl Track {
    pub(crate) fn lay(stage: &Stage, name: &str, size: Size) -> Result<Self> {
        let folder = stage.home().join(format!("track-{name}"));
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder)?;
        let track = Self { folder, size };
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

    /// Takes a slot until the gate is opened, and says when it lets go of it.
    pub(crate) fn blocker(&self) -> String {
        let folder = self.folder.display();
        format!(
            "echo gate >> {folder}/arrived; read -r x < {folder}/gate || true; \
             echo $EPOCHREALTIME >> {folder}/left"
        )
    }

    /// The short commands: each says when it starts and when it ends.
    pub(crate) fn shorts(&self) -> impl Iterator<Item = String> {
        let folder = self.folder.display();
        (0..self.size.commands).map(move |number| {
            format!(
                "echo $EPOCHREALTIME >> {folder}/began; echo {number:04} >> {folder}/started; sleep 0.01; \
                 echo {number:04} >> {folder}/ended"
            )
        })
    }

    fn lines(&self, name: &str) -> usize {
        let bytes = fs::metadata(self.folder.join(name)).map_or(0, |file| file.len());
        usize::try_from(bytes / MARK_BYTES).unwrap_or_default()
    }

    /// Waits until every slot is taken.
    pub(crate) fn wait_until_taken(&self) -> Result<()> {
        wait_until("the slots to be taken", || self.lines("arrived") >= self.size.slots).map(drop)
    }

    /// Opens the gate, and waits for the last short command.
    fn open(&self) -> Result<Duration> {
        std::thread::sleep(SETTLED);
        let start = Instant::now();
        // Opening lets everybody through who is there; closing ends their reading.
        File::options().write(true).open(self.gate()).context("could not open the gate")?;
        let end = wait_until("the short commands", || self.lines("ended") >= self.size.commands)?;
        Ok(end - start)
    }

    /// From the first free slot to the first short command, by their own clocks.
    pub(crate) fn gap(&self) -> Result<Duration> {
        let gap = self.first_time("began")? - self.first_time("left")?;
        Ok(Duration::from_secs_f64(gap.max(0.0)))
    }

    fn first_time(&self, name: &str) -> Result<f64> {
        let text = fs::read_to_string(self.folder.join(name))
            .with_context(|| format!("no command left a time in `{name}`"))?;
        let line = text.lines().next().unwrap_or_default();
        line.parse().with_context(|| format!("`{line}` is no time"))
    }

    /// By how many places the command that started most out of turn was away from its own.
    pub(crate) fn farthest(&self) -> Result<usize> {
        let text = fs::read_to_string(self.folder.join("started"))?;
        let mut farthest = 0;
        for (place, line) in text.lines().enumerate() {
            let number: usize = line.parse().context("a mark is damaged")?;
            farthest = farthest.max(place.abs_diff(number));
        }
        Ok(farthest)
    }
}

/// Who works a line off.
pub(crate) enum Contender {
    Competitor(Competitor),
    Ours,
}

/// How it went.
pub(crate) struct Passed {
    pub(crate) queueing: Duration,
    /// From the opening of the gate until the last short command has ended by its own account.
    pub(crate) draining: Duration,
    /// From there until nothing of it was left.
    pub(crate) ending: Duration,
}

impl Contender {
    /// Everybody who is here. The first is what the others are compared to.
    pub(crate) fn all(stage: &Stage) -> Result<Vec<Self>> {
        let competitors = competitors::all(stage.pace())?;
        Ok(competitors.into_iter().map(Self::Competitor).chain([Self::Ours]).collect())
    }

    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Competitor(competitor) => competitor.name(),
            Self::Ours => "sisyphus",
        }
    }

    /// Works the line of the track off.
    pub(crate) fn pass(&self, stage: &Stage, track: &Track) -> Result<Passed> {
        match self {
            Self::Competitor(competitor) => {
                let line = competitor.queue(stage, track)?;
                let draining = track.open()?;
                let last = Instant::now();
                let queueing = line.queueing;
                line.close()?;
                Ok(Passed { queueing, draining, ending: last.elapsed() })
            }
            Self::Ours => pass_ours(stage, track),
        }
    }
}

fn pass_ours(stage: &Stage, track: &Track) -> Result<Passed> {
    stage.forget()?;
    let Size { slots, commands } = track.size;
    stage.settings(&json!({ "sisyphus.max_background_tasks": slots }))?;
    let mut ours = Ours::start(stage, "line")?;
    let mut children: Vec<Child> =
        (0..slots).map(|_| ours.background(&track.blocker())).collect::<Result<_>>()?;
    track.wait_until_taken()?;
    let start = Instant::now();
    for command in track.shorts() {
        children.push(ours.background(&command)?);
    }
    let queueing = start.elapsed();
    wait_until("all to stand in line", || ours.waiting() == commands)?;
    let draining = track.open()?;
    let last = Instant::now();
    for mut child in children {
        let status = child.wait()?;
        ensure!(status.success(), "a command ended with {status}");
    }
    stage.forget_settings()?;
    Ok(Passed { queueing, draining, ending: last.elapsed() })
}

//! A queue of commands behind a gate: commands that wait at the gate take every slot, and the short ones queue up behind
//! them.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use sisyphus_harness::sys;

use super::ours::wait_until;
use super::stage::Stage;

/// The size of a line that a command writes: its number and a line break.
const MARK_BYTES: u64 = 5;
/// For this long our runner still checks whether it is a background command at all. The others get the same time.
const SETTLED: Duration = Duration::from_millis(40);

/// How many run at once, and how many are queued behind the ones at the gate.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Size {
    pub(crate) slots: usize,
    pub(crate) commands: usize,
}

/// The folder and the gate of one round.
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
        sys::make_pipe(&track.gate()).context("could not make the gate")?;
        Ok(track)
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    fn gate(&self) -> PathBuf {
        self.folder.join("gate")
    }

    /// A command that takes a slot until the gate is opened, and records when it releases the slot.
    pub(crate) fn blocker(&self) -> String {
        let folder = self.folder.display();
        format!(
            "echo gate >> {folder}/arrived; read -r x < {folder}/gate || true; \
             echo $EPOCHREALTIME >> {folder}/left"
        )
    }

    /// The short commands. Each records its start and its end.
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
    pub(crate) fn open(&self) -> Result<Duration> {
        std::thread::sleep(SETTLED);
        let start = Instant::now();
        // Opening releases every reader that waits; closing ends the reads.
        File::options().write(true).open(self.gate()).context("could not open the gate")?;
        let end = wait_until("the short commands", || self.lines("ended") >= self.size.commands)?;
        Ok(end - start)
    }

    /// From the first free slot to the first short command, by the commands' own clocks.
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

    /// How many places the command that started most out of order was away from its own.
    pub(crate) fn farthest(&self) -> Result<usize> {
        let text = fs::read_to_string(self.folder.join("started"))?;
        let mut farthest = 0;
        for (place, line) in text.lines().enumerate() {
            let number: usize = line.parse().context("a line of the log is damaged")?;
            farthest = farthest.max(place.abs_diff(number));
        }
        Ok(farthest)
    }
}

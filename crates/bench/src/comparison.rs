//! The contenders that queue and drain the same commands, each behind a gate of its own.

use std::process::Child;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use serde_json::json;

use super::competitors::{self, Competitor};
use super::ours::{Ours, wait_until};
use super::stage::Stage;
use super::track::{Size, Track};

/// A tool that drains the queue.
pub(crate) enum Contender {
    Competitor(Competitor),
    Ours,
}

/// The times of one round.
pub(crate) struct Passed {
    pub(crate) queueing: Duration,
    /// From the opening of the gate to the end of the last short command, by its own record.
    pub(crate) draining: Duration,
    /// From there until none of its processes was left.
    pub(crate) ending: Duration,
}

impl Contender {
    /// Every contender on this machine. The first is the reference of the others.
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
    wait_until("all to be queued", || ours.waiting() == commands)?;
    let draining = track.open()?;
    let last = Instant::now();
    for mut child in children {
        let status = child.wait()?;
        ensure!(status.success(), "a command ended with {status}");
    }
    stage.forget_settings()?;
    Ok(Passed { queueing, draining, ending: last.elapsed() })
}

//! `result.json`: the runner reserves its room when it attaches, because the command may fill the disk.

use anyhow::{Context as _, Result};
use sisyphus_base::atomic::{self, Replacement};
use sisyphus_state::run::Run;
use sisyphus_tasks::run::RunResult;

/// The reserved room in bytes: one block of most file systems. A result has some hundred bytes. Only the path of Claude
/// Code's output file could make it longer than this; then the disk needs room at the end.
const ROOM: usize = 4096;

/// The room for the result of one run. Without one, the result needs room at the end.
#[derive(Default)]
pub(crate) struct ResultFile(Option<Replacement>);

impl ResultFile {
    /// Best effort. What marks the run is written first: on a disk that is nearly full it counts more.
    pub(crate) fn reserve(run: &Run) -> Self {
        Self(Replacement::reserve(&run.result(), ROOM).ok())
    }

    pub(crate) fn write(&mut self, run: &Run, result: &RunResult) -> Result<()> {
        let bytes = serde_json::to_vec(result).context("could not encode a result")?;
        match self.0.take().map(|room| room.write(&bytes)) {
            Some(Ok(())) => Ok(()),
            // The command may have removed the room, alone or with the folder, or put something in its place.
            Some(Err(_)) | None => atomic::write(&run.result(), &bytes),
        }
    }

    /// The run will have no result.
    pub(crate) fn discard(self) {
        if let Some(room) = self.0 {
            room.discard();
        }
    }
}

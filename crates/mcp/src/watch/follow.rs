//! Follows the output of one task and gives each of its lines to a visitor, once.

use std::io;
use std::path::Path;

use sisyphus_base::paths::StateDir;
use sisyphus_state::output::Source;
use sisyphus_tasks::task::Task;

use super::lines::{Line, Lines, Progress, Visit};

/// How much is read at once, in bytes.
const BLOCK: usize = 256 * 1024;
/// How many blocks one step reads. A command that prints faster leaves the rest to the next step.
const BLOCKS: usize = 16;

/// What a step came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    /// The visitor has stopped.
    Stopped,
    /// Everything that is there was visited.
    AtEnd,
    /// More is there.
    More,
}

/// The output of one task, as far as it was read.
#[derive(Debug, Default)]
pub(crate) struct Follower {
    source: Option<Source>,
    /// The length of its file when it was last read, in bytes.
    length: Option<u64>,
    lines: Lines,
}

impl Follower {
    /// From this byte of the output on.
    pub(crate) fn at(offset: u64) -> Self {
        Self { source: None, length: None, lines: Lines::at(offset) }
    }

    /// How far the output was read, in bytes.
    pub(crate) fn position(&self) -> u64 {
        self.lines.next()
    }

    /// Visits the lines that are new. The last line counts without an end if the task is over, and if nothing was added to
    /// it between two steps. A step without news costs one `fstat`.
    pub(crate) fn step(
        &mut self,
        task: &Task,
        state: &StateDir,
        client_tmp: &Path,
        mut visit: impl FnMut(Line<'_>) -> Visit,
    ) -> io::Result<Step> {
        let is_over = task.status().is_final();
        // After the end our own copy may have taken the place of Claude Code's file.
        if is_over || self.source.is_none() {
            self.source = Source::open(task, state, client_tmp);
            self.length = None;
        }
        let Some(source) = &mut self.source else { return Ok(Step::AtEnd) };
        let length = source.length()?;
        if self.length.replace(length) == Some(length) {
            return Ok(self.visit_unfinished(visit));
        }
        let end = source.end(task)?;
        let mut block = vec![0; BLOCK];
        for _ in 0..BLOCKS {
            let position = self.lines.next();
            let wanted = usize::try_from(end.saturating_sub(position)).unwrap_or(BLOCK).min(BLOCK);
            let read = source.read_at(position, &mut block[..wanted])?;
            if read == 0 {
                let is_last = is_over.then(|| self.visit_unfinished(visit));
                return Ok(is_last.unwrap_or(Step::AtEnd));
            }
            if self.lines.feed(&block[..read], &mut visit) == Progress::Stopped {
                // What follows has not been visited, whatever the file's length.
                self.length = None;
                return Ok(Step::Stopped);
            }
        }
        self.length = None;
        Ok(Step::More)
    }

    fn visit_unfinished(&mut self, mut visit: impl FnMut(Line<'_>) -> Visit) -> Step {
        let visited = self.lines.unfinished().map_or(Visit::Pass, &mut visit);
        if visited != Visit::Pass {
            self.lines.finish();
        }
        if visited == Visit::Stop { Step::Stopped } else { Step::AtEnd }
    }
}

//! The search of one watch: how far it is, and what it has found that is not recorded yet.

use std::path::Path;

use anyhow::{Context as _, Result};
use sisyphus_base::paths::StateDir;
use sisyphus_base::text::clean_line;
use sisyphus_tasks::matches::{Found, LINES_MAX, Watch};
use sisyphus_tasks::task::Task;

use super::{Follower, Pattern, Step, Visit};

/// Longest line that is kept, in characters.
const LINE_MAX: usize = 300;
/// Most steps of one look, so that one output does not keep others waiting.
const STEPS: usize = 16;

#[derive(Debug)]
pub(super) struct Search {
    pub(super) task: Task,
    watch: Watch,
    pattern: Pattern,
    follower: Follower,
    found: Found,
    /// Where the search goes on behind the last line that was found.
    reached: u64,
}

impl Search {
    pub(super) fn new(task: &Task, watch: &Watch) -> Result<Self> {
        Ok(Self {
            task: task.clone(),
            pattern: Pattern::new(&watch.pattern)?,
            follower: Follower::at(watch.offset),
            found: Found::default(),
            reached: watch.offset,
            watch: watch.clone(),
        })
    }

    /// Whether this is the search of that watch, and nothing else has moved the watch.
    pub(super) fn is_of(&self, watch: &Watch) -> bool {
        &self.watch == watch
    }

    /// With the newest record of its task.
    pub(super) fn with_task(self, task: &Task) -> Self {
        Self { task: task.clone(), ..self }
    }

    /// Searches what is new.
    pub(super) fn look(&mut self, state: &StateDir, client_tmp: &Path) -> Result<()> {
        let Self { task, watch, pattern, follower, found, reached } = self;
        let max = watch.max.min(LINES_MAX);
        for _ in 0..STEPS {
            let step = follower.step(task, state, client_tmp, |line| {
                if !pattern.matches(line.text) {
                    return Visit::Pass;
                }
                *reached = line.next;
                if found.lines.len() < max {
                    found.lines.push(clean_line(line.text, LINE_MAX));
                } else {
                    found.more = found.more.saturating_add(1);
                }
                Visit::Take
            });
            let step = step.with_context(|| format!("could not read the output of {}", task.id))?;
            if step != Step::More {
                break;
            }
        }
        Ok(())
    }

    /// How far the output was read, in bytes.
    pub(super) fn position(&self) -> u64 {
        self.follower.position()
    }

    pub(super) fn has_found(&self) -> bool {
        !self.found.is_empty()
    }

    pub(super) fn found(&self) -> Found {
        self.found.clone()
    }

    /// The part of the output that what was found is from.
    pub(super) fn range(&self) -> (u64, u64) {
        (self.watch.offset, self.reached)
    }

    /// What was found is recorded.
    pub(super) fn recorded(&mut self) {
        self.watch.offset = self.reached;
        self.found = Found::default();
    }
}

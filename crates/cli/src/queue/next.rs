//! `sisyphus next`.

use anyhow::Result;
use clap::Args as ClapArgs;
use sisyphus_control::{HistoryDepth, Moved, Naming, Tasks, make_next};

use crate::print::{self, Verdict};

#[derive(Debug, ClapArgs)]
pub(crate) struct Next {
    /// The queued task: its id or the beginning of it, Claude Code's id for it, or a part of its description or
    /// command.
    pub(crate) task: String,
}

/// Moves a waiting command to the front of its queue.
pub(crate) fn next(options: &Next) -> Result<Verdict> {
    let tasks = Tasks::read(HistoryDepth::Recent, print::warn)?;
    let task = tasks.find_named(&options.task, Naming::Part)?;
    let id = &task.id;
    match make_next(&tasks.store, task, print::warn)? {
        Moved::Next => print::out(&format!("{id} is next in the queue\n"))?,
        Moved::Passed(position) => print::out(&format!(
            "{id} is number {position} in the queue: others were moved before it\n"
        ))?,
        Moved::Started => print::out(&format!("{id} has started\n"))?,
        Moved::Unanswered => {
            print::warn(&anyhow::anyhow!(
                "{id} has not moved: its runner is suspended, or of an older version"
            ));
            return Ok(Verdict::Bad);
        }
    }
    Ok(Verdict::Good)
}

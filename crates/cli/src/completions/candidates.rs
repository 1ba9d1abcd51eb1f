//! `sisyphus candidates`: what a shell offers in place of a task or of a key. The scripts of `sisyphus completions` run it.

use anyhow::Result;
use clap::{Args as ClapArgs, ValueEnum};
use sisyphus_control::{HistoryDepth, Tasks};
use sisyphus_settings::keys::KEYS;
use sisyphus_tasks::task::Task;

use crate::list::{state, what};
use crate::print;

/// Longest description, in characters.
const WHAT_MAX: usize = 60;
/// How many ended tasks are offered: a longer list helps no one to choose.
const ENDED_MAX: usize = 50;

#[derive(Debug, ClapArgs)]
pub(crate) struct Candidates {
    of: Of,
}

/// What is completed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Of {
    Tasks,
    Live,
    Ended,
    Keys,
}

/// Prints one candidate a line, and behind a tab what it is. What is wrong with the state is not said at a prompt.
pub(crate) fn candidates(options: &Candidates) -> Result<()> {
    if options.of == Of::Keys {
        let lines = KEYS.iter().map(|key| format!("{}\t{}\n", key.name, key.meaning));
        return print::out(&lines.collect::<String>());
    }
    let tasks = Tasks::read(HistoryDepth::Newest(ENDED_MAX), |_| {})?;
    let live = tasks.active.iter().rev();
    let shown: Vec<&Task> = match options.of {
        Of::Live => live.collect(),
        Of::Ended => tasks.ended.iter().collect(),
        Of::Tasks | Of::Keys => live.chain(&tasks.ended).collect(),
    };
    print::out(&shown.into_iter().map(line).collect::<String>())
}

fn line(task: &Task) -> String {
    format!("{}\t{}: {}\n", task.id, state(task), what(task, WHAT_MAX))
}

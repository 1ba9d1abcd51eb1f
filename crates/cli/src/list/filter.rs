//! Which tasks `sisyphus list` shows.

use std::path::PathBuf;

use anyhow::Result;
use chrono::{DateTime, Utc};
use clap::Args as ClapArgs;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use sisyphus_base::id::SessionId;
use sisyphus_base::sys::real_path;
use sisyphus_control::Tasks;
use sisyphus_tasks::status_filter::StatusFilter;
use sisyphus_tasks::task::Task;

use super::since::since;
use crate::project::{current_folder, project_dir};

#[derive(Debug, Clone, Default, ClapArgs)]
pub(crate) struct Filter {
    /// List only tasks of this status; `error` is every end that is neither good nor a cancellation, `queued` is all
    /// that waits, `pending` is what is in no queue yet.
    #[arg(long, value_name = "STATUS", value_parser = status_words(), group = "one_status")]
    pub(crate) status: Option<StatusFilter>,
    /// List only what went wrong (`--status error`), and what was skipped because of that.
    #[arg(long, group = "one_status")]
    failed: bool,
    /// List only what runs: the same as `--status running`.
    #[arg(long, group = "one_status")]
    running: bool,
    /// List only tasks whose folder is the current one, or below it.
    #[arg(long)]
    here: bool,
    /// List only tasks of one session. The beginning of its id is enough.
    #[arg(long, value_name = "SESSION")]
    session: Option<String>,
    /// List only tasks that have not ended, or ended since then: `2h`, `9:30`, `2026-11-28 9:30`.
    #[arg(long, value_name = "TIME", value_parser = since)]
    since: Option<DateTime<Utc>>,
}

/// Reads the words of a status, and lets help and completions name them.
fn status_words() -> impl TypedValueParser<Value = StatusFilter> {
    PossibleValuesParser::new(StatusFilter::ALL.map(StatusFilter::word))
        .try_map(|word| StatusFilter::parse(&word).ok_or("no status"))
}

/// What the options mean beside these tasks.
#[derive(Debug, Clone, Default)]
pub(crate) struct Chosen {
    /// Any of these; empty for every status.
    statuses: Vec<StatusFilter>,
    folder: Option<PathBuf>,
    session: Option<SessionId>,
    since: Option<DateTime<Utc>>,
    /// How many ended tasks `--last` leaves out.
    pub(super) left_out: usize,
}

impl Filter {
    /// Whether every task is listed.
    pub(super) fn is_empty(&self) -> bool {
        let Self { status, failed, running, here, session, since } = self;
        !(*failed || *running || *here) && status.is_none() && session.is_none() && since.is_none()
    }

    pub(super) fn chosen(&self, tasks: &Tasks) -> Result<Chosen> {
        let mut statuses: Vec<StatusFilter> = self.status.into_iter().collect();
        if self.failed {
            statuses.extend([StatusFilter::Error, StatusFilter::Skipped]);
        }
        if self.running {
            statuses.push(StatusFilter::Running);
        }
        let session = self.session.as_deref().map(|name| tasks.find_session(name)).transpose()?;
        let here = || project_dir().map_or_else(current_folder, Ok);
        let folder = self.here.then(here).transpose()?;
        // The folder of a task is the one that the shell was in, without links.
        let folder = folder.map(|folder| real_path(&folder).unwrap_or(folder));
        Ok(Chosen { statuses, folder, session: session.cloned(), since: self.since, left_out: 0 })
    }
}

impl Chosen {
    /// Whether a task is to be listed.
    pub(crate) fn has(&self, task: &Task) -> bool {
        let ended_at = task.status().ending().map(|ending| ending.ended_at);
        (self.statuses.is_empty() || self.statuses.iter().any(|it| it.matches(task)))
            && self.folder.as_ref().is_none_or(|folder| task.cwd.starts_with(folder))
            && self.session.as_ref().is_none_or(|session| &task.session == session)
            && self.since.is_none_or(|since| ended_at.is_none_or(|at| at >= since))
    }

    /// What to say if no task is chosen; `None` if every task is.
    pub(super) fn nothing(&self) -> Option<String> {
        let words: Vec<String> =
            self.statuses.iter().map(|it| format!("`{}`", it.word())).collect();
        match self {
            Self { left_out: 1.., .. } => {
                Some(format!("No task is listed: --last leaves out {} that ended.", self.left_out))
            }
            Self { folder: None, session: None, since: None, .. } => {
                (!words.is_empty()).then(|| format!("No task is {}.", words.join(" or ")))
            }
            Self { .. } => Some("No task is listed: all are left out by the options.".to_owned()),
        }
    }
}

//! Finds the session to continue: one of ours, of the same project, that is over.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use sisyphus_base::id::{SessionId, TaskId};
use sisyphus_state::run::Run;
use sisyphus_state::store::Store;
use sisyphus_tasks::session::Delegated;
use sisyphus_tasks::task::Task;

use crate::tasks::{HistoryDepth, Tasks, WarningSink};

/// What the next task of a conversation takes over.
#[derive(Debug, Clone)]
pub(super) struct Continued {
    pub(super) task: TaskId,
    pub(super) conversation: SessionId,
    pub(super) folder: PathBuf,
    pub(super) worktree: Option<String>,
    pub(super) agent: Option<String>,
    pub(super) cost_micro_usd: u64,
}

impl Continued {
    /// Finds the last task of the conversation `name`; or of the task `name`.
    pub(super) fn find(name: &str, project: &Path, warn: WarningSink) -> Result<Self> {
        let tasks = Tasks::read(HistoryDepth::Archive, warn)?;
        let all: Vec<&Task> = tasks.active.iter().chain(&tasks.ended).collect();
        let is_named = |task: &&&Task| {
            let session = task.delegated.as_ref();
            session.is_some_and(|it| it.conversation.as_str() == name || task.id.as_str() == name)
        };
        let session = all.iter().find(is_named).and_then(|task| task.delegated.as_deref());
        let conversation = &session
            .with_context(|| {
                format!("no session `{name}` was delegated; `background_list` shows them")
            })?
            .conversation;
        let its = all.iter().filter_map(|task| Some((*task, task.delegated.as_deref()?)));
        let its: Vec<(&Task, &Delegated)> =
            its.filter(|(_, session)| &session.conversation == conversation).collect();
        if let Some((task, _)) = its.iter().find(|(task, _)| !task.status().is_final()) {
            anyhow::bail!(
                "could not continue `{name}`: {} is {}{}; wait until it is over, or cancel it",
                task.id,
                task.status().word(),
                doing(task, &tasks.store)
            );
        }
        let (task, session) = its
            .into_iter()
            .max_by_key(|(task, _)| task.status().ending().map(|ending| ending.ended_at))
            .context("no task has it")?;
        ensure!(
            session.project == project,
            "could not continue `{name}`: it belongs to another project, `{}`",
            session.project.display()
        );
        let report = session.report.clone().unwrap_or_default();
        let in_worktree = report.worktree.map(|worktree| worktree.path);
        let folder = in_worktree.filter(|path| path.is_dir() && path.starts_with(project));
        Ok(Self {
            task: task.id.clone(),
            conversation: conversation.clone(),
            folder: folder.unwrap_or_else(|| project.to_owned()),
            worktree: session.worktree.clone(),
            agent: session.agent.clone(),
            cost_micro_usd: report.total_micro_usd.unwrap_or_default(),
        })
    }
}

/// What a running session is doing, as a clause.
fn doing(task: &Task, store: &Store) -> String {
    let report = Run::of(task, store.dir()).and_then(|run| run.read_report());
    let Some(report) = report else { return String::new() };
    let last = report.last_tool.map(|tool| format!(", the last one {tool}")).unwrap_or_default();
    format!(", {} tool calls so far{last}", report.tool_calls)
}

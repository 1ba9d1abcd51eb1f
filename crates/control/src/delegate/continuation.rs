//! Finds the session to continue: one of ours, of the same project, that is over.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail, ensure};
use sisyphus_base::id::{SessionId, TaskId};
use sisyphus_base::sys::real_path;
use sisyphus_state::run::Run;
use sisyphus_state::sessions::{ensure_same_rules, worktree_path};
use sisyphus_state::store::Store;
use sisyphus_tasks::session::Delegated;
use sisyphus_tasks::status::Status;
use sisyphus_tasks::task::Task;

use super::Asker;
use crate::by_name::Naming;
use crate::tasks::{HistoryDepth, Tasks, WarningSink};

/// What the next task of a conversation takes over.
#[derive(Debug, Clone)]
pub(super) struct Continued {
    pub(super) task: TaskId,
    pub(super) conversation: SessionId,
    pub(super) folder: PathBuf,
    pub(super) worktree: Option<String>,
    pub(super) agent: Option<String>,
    pub(super) model: Option<String>,
    pub(super) budget_micro_usd: Option<u64>,
    pub(super) cost_micro_usd: u64,
    /// The commit at which its worktree was removed unchanged.
    pub(super) restore_from: Option<String>,
}

impl Continued {
    /// Finds the last task of the conversation `name`; or of the task `name`, which a person may name as in any command.
    pub(super) fn find(
        name: &str,
        project: &Path,
        asker: &Asker,
        warn: WarningSink,
    ) -> Result<Self> {
        let tasks = Tasks::read(HistoryDepth::Archive, warn)?;
        let all: Vec<&Task> = tasks.active.iter().chain(&tasks.ended).collect();
        let named = match asker {
            Asker::Model(_) => None,
            Asker::Person { .. } => task_of_person(&tasks, &all, name)?,
        };
        let name = named.as_ref().map_or(name, TaskId::as_str);
        Self::of(&all, name, project, |task| doing(task, &tasks.store))
    }

    /// `doing` says what a running session is doing.
    fn of(
        all: &[&Task],
        name: &str,
        project: &Path,
        doing: impl Fn(&Task) -> String,
    ) -> Result<Self> {
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
                if matches!(task.status(), Status::Running { .. }) { "running" } else { "queued" },
                doing(task)
            );
        }
        let newest = |(task, _): &&(&Task, &Delegated)| task.ticket;
        let (task, session) = its.iter().max_by_key(newest).context("no task has it")?;
        ensure!(
            session.project == project,
            "could not continue `{name}`: it belongs to another project, `{}`",
            session.project.display()
        );
        let has_begun = |(task, session): &(&Task, &Delegated)| {
            task.status().ending().is_some_and(|ending| session.has_conversation(ending))
        };
        ensure!(
            its.iter().any(has_begun),
            "could not continue `{name}`: it never started; delegate it again with its whole prompt"
        );
        let restore_from = removed_at(&its);
        Ok(Self {
            task: task.id.clone(),
            conversation: conversation.clone(),
            folder: match &session.worktree {
                // The runner makes it again, or says why it can't.
                Some(worktree) if restore_from.is_some() => worktree_path(project, worktree),
                Some(worktree) => worktree_of(worktree, project)
                    .with_context(|| format!("could not continue `{name}`"))?,
                None => project.to_owned(),
            },
            restore_from,
            worktree: session.worktree.clone(),
            agent: session.agent.clone(),
            model: session.model.clone(),
            budget_micro_usd: session.budget_micro_usd,
            cost_micro_usd: cost(&its),
        })
    }
}

/// What an error tells a person to do.
const WAY: &str = "`sisyphus list` shows those that there are";

/// The task that a person means; `None` if it is a conversation that they name.
fn task_of_person(tasks: &Tasks, all: &[&Task], name: &str) -> Result<Option<TaskId>> {
    let mut sessions = all.iter().filter_map(|task| task.delegated.as_ref());
    if sessions.any(|session| session.conversation.as_str() == name) {
        return Ok(None);
    }
    let task = match tasks.find_named(name, Naming::Whole) {
        Ok(task) => task,
        Err(error) => bail!("could not continue a session: {error}; {WAY}"),
    };
    ensure!(
        task.delegated.is_some(),
        "could not continue `{name}`: {} is no delegated session; {WAY}",
        task.id
    );
    Ok(Some(task.id.clone()))
}

/// The folder of a worktree. A session could have written rules into it that the project does not have, or put a link in
/// its place.
fn worktree_of(name: &str, project: &Path) -> Result<PathBuf> {
    let path = worktree_path(project, name);
    let real = real_path(&path).with_context(|| {
        format!("its worktree `{}` is gone; delegate a new session", path.display())
    })?;
    ensure!(real == path, "its worktree `{}` is a link; delegate a new session", path.display());
    ensure_same_rules(&real, project)?;
    Ok(path)
}

/// The commit at which the last of its tasks that saw the worktree left it, if the runner removed it then.
fn removed_at(its: &[(&Task, &Delegated)]) -> Option<String> {
    let seen = its.iter().filter_map(|(task, session)| {
        Some((task.ticket, session.report.as_ref()?.worktree.as_ref()?))
    });
    seen.max_by_key(|(ticket, _)| *ticket)?.1.removed_at.clone()
}

/// What the conversation has cost, as far as its tasks reported that. The total only grows.
fn cost(its: &[(&Task, &Delegated)]) -> u64 {
    let reports = its.iter().filter_map(|(_, session)| session.report.as_ref());
    reports.filter_map(|report| report.total_micro_usd).max().unwrap_or_default()
}

/// What a running session is doing, as a clause.
fn doing(task: &Task, store: &Store) -> String {
    let report = Run::of(task, store.dir()).and_then(|run| run.read_report());
    let Some(report) = report else { return String::new() };
    let last = report.last_tool.map(|tool| format!(", the last one {tool}")).unwrap_or_default();
    format!(", {} tool calls so far{last}", report.tool_calls)
}

#[cfg(test)]
mod tests {
    use sisyphus_base::id::Ticket;
    use sisyphus_base::paths::StateDir;
    use sisyphus_state::line::Snapshot;
    use sisyphus_tasks::outcome::Outcome;
    use sisyphus_tasks::session::{SessionReport, Worktree};
    use sisyphus_tasks::task::samples;
    use sisyphus_testing::TempDir;
    use sisyphus_testing::files::symlink;

    use super::*;

    /// A task of the conversation that all samples share, in this project.
    fn of(task: Task, ticket: u64, project: &Path, report: Option<SessionReport>) -> Task {
        let mut task = samples::delegated(task, report);
        task.ticket = Ticket(ticket);
        if let Some(session) = &mut task.delegated {
            session.project = project.to_owned();
        }
        task
    }

    fn ended(id: &str, ticket: u64, project: &Path, report: Option<SessionReport>) -> Task {
        of(samples::finished(id, Outcome::Completed), ticket, project, report)
    }

    fn begun(total_micro_usd: Option<u64>) -> SessionReport {
        let model = Some("opus".to_owned());
        SessionReport { model, total_micro_usd, ..SessionReport::default() }
    }

    fn find(all: &[Task], name: &str, project: &Path) -> Result<Continued> {
        let all: Vec<&Task> = all.iter().collect();
        Continued::of(&all, name, project, |_| ", 3 tool calls so far".to_owned())
    }

    /// The second task of the conversation was killed before it knew its cost.
    #[test]
    fn what_an_earlier_task_knew_counts() {
        let dir = TempDir::new();
        let project = dir.path();
        let all = [
            ended("t1", 1, project, Some(begun(Some(70)))),
            ended("t2", 2, project, Some(begun(None))),
        ];
        let conversation = all[0].delegated.as_ref().unwrap().conversation.clone();
        for name in ["t1", "t2", conversation.as_str()] {
            let continued = find(&all, name, project).unwrap();
            assert_eq!(continued.conversation, conversation, "{name}");
            assert_eq!((continued.task.as_str(), continued.cost_micro_usd), ("t2", 70), "{name}");
            assert_eq!(continued.folder, project, "{name}");
        }
    }

    /// The last task that saw the worktree says whether it is there. A task that never started saw nothing.
    #[test]
    fn a_removed_worktree_comes_back() {
        let dir = TempDir::new();
        let project = real_path(dir.path()).unwrap();
        let task = |id, ticket, removed_at: Option<&str>| {
            let worktree = Worktree {
                path: project.join(".claude/worktrees/w"),
                branch: None,
                changes: None,
                removed_at: removed_at.map(str::to_owned),
            };
            let report = SessionReport { worktree: Some(worktree), ..begun(None) };
            let mut task = ended(id, ticket, &project, Some(report));
            task.delegated.as_mut().unwrap().worktree = Some("w".to_owned());
            task
        };
        let mut unstarted = task("t3", 3, None);
        unstarted.delegated.as_mut().unwrap().report = None;
        let all = [task("t1", 1, None), task("t2", 2, Some("a1")), unstarted];
        let continued = find(&all, "t1", &project).unwrap();
        assert_eq!(continued.restore_from.as_deref(), Some("a1"));
        assert_eq!(continued.folder, project.join(".claude/worktrees/w"));
        let all = [task("t1", 1, Some("a1")), task("t2", 2, None)];
        let error = format!("{:#}", find(&all, "t1", &project).unwrap_err());
        assert!(error.contains("is gone; delegate a new session"), "{error}");
    }

    /// A worktree with rules of its own, a link, and a missing one are refused.
    #[test]
    #[cfg_attr(windows, ignore = "Windows allows links to few users")]
    fn a_worktree_has_the_rules_of_its_project() {
        use std::fs;
        let dir = TempDir::new();
        let project = dir.path().join("proj");
        let worktree = project.join(".claude/worktrees/w");
        fs::create_dir_all(worktree.join(".claude")).unwrap();
        let found = || worktree_of("w", &project).map_err(|error| error.to_string());
        assert_eq!(found(), Ok(worktree.clone()));
        fs::write(project.join(".claude/settings.json"), "{}").unwrap();
        assert!(found().is_ok(), "the user's own rules apply");
        fs::write(worktree.join(".claude/settings.json"), "{}").unwrap();
        assert!(found().is_ok());
        fs::write(worktree.join(".claude/settings.json"), r#"{"permissions":{}}"#).unwrap();
        assert!(found().unwrap_err().contains("is not that of the project"));
        assert!(worktree_of("gone", &project).unwrap_err().to_string().contains("is gone"));
        let other = dir.path().join("other");
        fs::create_dir(&other).unwrap();
        symlink(&other, project.join(".claude/worktrees/l")).unwrap();
        assert!(worktree_of("l", &project).unwrap_err().to_string().contains("is a link"));
    }

    /// A person names a task as for any other command, or a conversation. Each error leads to `sisyphus list`.
    #[test]
    fn a_person_names_a_task_as_everywhere() {
        let dir = TempDir::new();
        let mut command = samples::finished("c1", Outcome::Completed);
        command.description = "run the tests".to_owned();
        let ended = ["tab1", "tab2", "tx3"].map(|id| {
            let mut task = ended(id, 1, Path::new("/a"), None);
            task.description = format!("describe {id}");
            task
        });
        let conversation = ended[0].delegated.as_ref().unwrap().conversation.clone();
        let tasks = Tasks {
            store: Store::new(StateDir::at(dir.path())),
            active: vec![command],
            ended: ended.to_vec(),
            throttles: Vec::new(),
            line: Snapshot::default(),
        };
        let all: Vec<&Task> = tasks.active.iter().chain(&tasks.ended).collect();
        let found = |name: &str| task_of_person(&tasks, &all, name).map_err(|it| it.to_string());
        let task = |id: &str| Ok(Some(TaskId::new(id).unwrap()));
        for (name, id) in [("tab1", "tab1"), ("tx", "tx3"), ("describe tab2", "tab2")] {
            assert_eq!(found(name), task(id), "{name}");
        }
        assert_eq!(found(conversation.as_str()), Ok(None));
        for (name, words) in [
            ("t7", "no task `t7`; `sisyphus list`"),
            ("", "no task has an empty name; `sisyphus list`"),
            (
                "ta",
                "`ta` could be 2 tasks; to name one, give its id: tab1 (completed: describe tab1), tab2 (completed: describe tab2); `sisyphus list`",
            ),
            ("run the tests", "c1 is no delegated session; `sisyphus list`"),
        ] {
            let error = found(name).unwrap_err();
            assert!(error.contains(words), "{name}: {error}");
        }
    }

    #[test]
    fn what_cant_be_continued() {
        let project = Path::new("/a");
        let over = || ended("t1", 1, project, Some(begun(None)));
        let command = samples::finished("t1", Outcome::Completed);
        let running = of(samples::confirmed("t2", 2), 2, project, None);
        let unstarted = ended("t1", 1, project, Some(SessionReport::default()));
        for (all, name, words) in [
            (vec![over()], "t7", "no session `t7` was delegated"),
            (vec![command], "t1", "no session `t1` was delegated"),
            (vec![over(), running], "t1", "t2 is queued, 3 tool calls so far; wait"),
            (vec![ended("t1", 1, Path::new("/b"), Some(begun(None)))], "t1", "project, `/b`"),
            (vec![unstarted], "t1", "it never started"),
        ] {
            let error = find(&all, name, project).unwrap_err().to_string();
            assert!(error.contains(words), "{error}");
        }
    }
}

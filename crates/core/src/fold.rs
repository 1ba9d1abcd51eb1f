//! Turning what run folders show into state. One code path, run by everybody who comes by, idempotent.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Error, Result};
use chrono::{DateTime, Utc};

use crate::announce::{Withdrawal, withdraw};
use crate::bind::{swap_calls, tasks_of};
use crate::client_end::is_client_file;
use crate::id::{ClientTaskId, SessionId, TaskId};
use crate::judge::{judge, unseen_end};
use crate::news::{News, news_of};
use crate::orphans::Clients;
use crate::outcome::LostReason;
use crate::output::{KeptOutput, adopt};
use crate::paths::StateDir;
use crate::run_folder::{RunResult, RunRoot};
use crate::status::{Ending, Status, Watch};
use crate::store::{Store, Transaction};
use crate::sys;
use crate::task::{Client, Task, Witness};
use crate::transition::{Effect, Event, transition};

/// Whose run folders are looked at.
#[derive(Debug, Clone, Copy)]
pub enum Scope<'a> {
    All,
    /// And what these clients left behind.
    WithOrphans(Clients<'a>),
    /// Those in which a result stands: for a runner, which knows that there is one. To look whether hundreds of others
    /// still run costs far more.
    Ended,
}

/// Folds every run folder that has news. Takes the lock only if there is any, once for each session: what is wrong with
/// the files of one must not keep another from its results. The first error is returned when all were tried.
pub fn fold(store: &Store, scope: Scope<'_>, wait: Duration, now: DateTime<Utc>) -> Result<()> {
    let mut by_session: BTreeMap<SessionId, Vec<Found>> = BTreeMap::new();
    let mut roots = Roots::default();
    for task in store.read_active()?.tasks {
        if let Scope::WithOrphans(clients) = scope
            && clients.have_left(&task)
        {
            let news = News::Orphaned { output: clients.keep_output(&task, store.dir()) };
            let found = Found { root: None, news, task };
            by_session.entry(found.task.session.clone()).or_default().push(found);
            continue;
        }
        // A folder that is not ours alone tells nothing: the task stays as it is.
        let Ok(root) = roots.of(&task) else { continue };
        let has_ended = || root.is_some_and(|root| root.folder(&task.id).result().exists());
        if matches!(scope, Scope::Ended) && !has_ended() {
            continue;
        }
        if let Some(news) = news_of(&task, root, now) {
            let root = root.cloned();
            by_session.entry(task.session.clone()).or_default().push(Found { task, root, news });
        }
    }
    let folded = by_session.into_values().map(|found| fold_session(store, &found, wait, now));
    folded.fold(Ok(()), Result::and)
}

/// The roots that were opened already: hundreds of tasks have the same one.
#[derive(Default)]
struct Roots {
    opened: BTreeMap<PathBuf, Result<Option<RunRoot>>>,
}

impl Roots {
    /// Like [`RunRoot::of`]; nothing is said of what is wrong.
    fn of(&mut self, task: &Task) -> Result<Option<&RunRoot>, &Error> {
        let Some(path) = &task.run_root else { return Ok(None) };
        let opened = self.opened.entry(path.clone()).or_insert_with(|| RunRoot::of(task));
        opened.as_ref().map(Option::as_ref)
    }
}

/// A task with news.
struct Found {
    task: Task,
    root: Option<RunRoot>,
    news: News,
}

impl Found {
    /// The root of its run folder, if that is not needed any more.
    fn root_when_over(&self) -> Option<&RunRoot> {
        self.root.as_ref().filter(|_| matches!(self.news, News::Ended(_) | News::Over(_)))
    }
}

fn fold_session(store: &Store, found: &[Found], wait: Duration, now: DateTime<Utc>) -> Result<()> {
    // Copying an output is slow: it comes before the lock.
    for it in found {
        if let Some(root) = it.root_when_over() {
            rescue_output(&it.task, root, store.dir());
        }
    }
    store.update(wait, |transaction| {
        for it in found {
            // Taken now: somebody else may have folded it meanwhile.
            if let Some(current) = transaction.take(&it.task.id) {
                apply(transaction, current, it, store.dir(), now)?;
            }
        }
        Ok(())
    })?;
    for it in found {
        if let Some(root) = it.root_when_over() {
            root.folder(&it.task.id).remove();
        }
    }
    Ok(())
}

fn apply(
    transaction: &mut Transaction<'_>,
    mut task: Task,
    found: &Found,
    state: &StateDir,
    now: DateTime<Utc>,
) -> Result<()> {
    let event = match &found.news {
        News::Queued { at, client_id } => {
            see_client(transaction, &mut task, client_id.as_ref(), now)?;
            Event::Claimed { at: *at }
        }
        News::Identified { client_id } => {
            see_client(transaction, &mut task, Some(client_id), now)?;
            transaction.active.insert(task);
            return Ok(());
        }
        News::Started { at, client_id } => {
            see_client(transaction, &mut task, client_id.as_ref(), now)?;
            Event::Started { at: *at }
        }
        News::Abandoned if withdraw(&task) == Withdrawal::Withdrawn => return Ok(()),
        News::Abandoned => Event::Claimed { at: now },
        News::Observed => {
            if withdraw(&task) == Withdrawal::Claimed {
                transaction.active.insert(task);
                return Ok(());
            }
            Event::Observed { at: now }
        }
        News::Ended(result) => {
            see_client(transaction, &mut task, result.client_id.as_ref(), now)?;
            task.output = kept_output(&task, result, found.root.as_ref(), state);
            Event::Ended(Ending {
                outcome: judge(&task, result),
                started_at: result.started_at,
                ended_at: result.ended_at,
                duration_ms: result.started_at.map(|_| result.duration_ms),
                waited_ms: Some(result.waited_ms),
                survivors: result.survivors.clone(),
            })
        }
        News::Over(why) => Event::Ended(unseen_end(&task, *why, now)),
        News::Orphaned { output } => {
            task.output.clone_from(output);
            Event::Ended(unseen_end(&task, LostReason::SessionEnded, now))
        }
    };
    advance(transaction, task, event)
}

/// Applies an event and puts the task where it then belongs: back among the active ones, or into the history and, if
/// its session should hear of it, among what is owed.
pub fn advance(transaction: &mut Transaction<'_>, task: Task, event: Event) -> Result<()> {
    let (task, effect) = transition(task, event);
    let Status::Finished(ending) = &task.status else {
        transaction.active.insert(task);
        return Ok(());
    };
    let outbox = transaction.outbox(&task.session)?;
    match effect {
        Effect::Known => outbox.remember(&task, ending.ended_at),
        Effect::Owed | Effect::Moved | Effect::Ignored(_) => outbox.owe(task.clone()),
    }
    transaction.finish(task);
    Ok(())
}

/// Takes the runner's word for the client's id. If the client has said another one, the shell of another call took this
/// announcement: what was said of this task is true of that shell's own, wherever it is.
fn see_client(
    transaction: &mut Transaction<'_>,
    task: &mut Task,
    client_id: Option<&ClientTaskId>,
    now: DateTime<Utc>,
) -> Result<()> {
    let Some(id) = client_id else { return Ok(()) };
    if task.client_id().is_some_and(|said| said != id) {
        give_back(transaction, task, id, now)?;
    }
    if task.client.is_none() {
        task.client = Some(Client::new(id.clone(), Witness::Runner));
    }
    Ok(())
}

/// Moves what was said of `task`, whose shell is `id`, to the twin that it is true of: the one that has this id, or one
/// that no shell has taken yet. If there is none, that of a foreground command took this announcement, and the call's
/// own shell runs without a runner.
fn give_back(
    transaction: &mut Transaction<'_>,
    task: &mut Task,
    id: &ClientTaskId,
    now: DateTime<Utc>,
) -> Result<()> {
    let session = task.session.clone();
    let mut known = tasks_of(transaction, &session)?;
    let is_free = |other: &Task| other.client.is_none() && !other.status.is_final();
    let seen = known
        .iter()
        .position(|other| other.command == task.command && other.client_id() == Some(id));
    let twin = seen
        .or_else(|| known.iter().position(|other| other.command == task.command && is_free(other)));
    if let Some(twin) = twin {
        let twin = known.swap_remove(twin);
        std::mem::swap(&mut twin.client, &mut task.client);
        swap_calls(twin, task);
        return Ok(());
    }
    let mut observed = task.clone();
    observed.id = TaskId::random();
    observed.ticket = transaction.active.draw_ticket();
    observed.run_root = None;
    observed.status = Status::Running { started_at: now, watch: Watch::Observed };
    transaction.active.insert(observed);
    (task.client, task.tool_use_id) = (None, None);
    Ok(())
}

fn kept_output(
    task: &Task,
    result: &RunResult,
    root: Option<&RunRoot>,
    state: &StateDir,
) -> Option<KeptOutput> {
    let client_file = match (&result.client_file, &result.client_id, root) {
        (Some(path), Some(id), Some(root))
            if is_client_file(path, task.started_in(), id, root.client_tmp_dir()) =>
        {
            Some(path.clone())
        }
        _ => None,
    };
    let size = result.output?;
    let dropped = if state.output(&task.id).exists() { size.dropped } else { size.bytes };
    Some(KeptOutput { bytes: size.bytes, dropped, client_file })
}

/// Brings the output that a sandboxed runner kept in its run folder into the state folder. Best effort.
fn rescue_output(task: &Task, root: &RunRoot, state: &StateDir) {
    let target = state.output(&task.id);
    let Ok(mut kept) = sys::open_own_file(&root.folder(&task.id).output()) else { return };
    if !target.exists() && state.create_output_dir().is_ok() {
        let _ = adopt(&mut kept, &target);
    }
}

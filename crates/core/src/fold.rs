//! Turning what run folders show into state. One code path, run by everybody who comes by, idempotent.

use std::time::Duration;

use anyhow::Result;
use chrono::{DateTime, Utc};

use crate::announce::{Withdrawal, withdraw};
use crate::bind::{swap_calls, tasks_of};
use crate::client_end::is_client_file;
use crate::id::ClientTaskId;
use crate::judge::{judge, stopped};
use crate::outcome::{Canceller, LostReason, Outcome};
use crate::output::{KeptOutput, adopt};
use crate::run_folder::{Announced, RunResult, RunRoot, Sighting, look};
use crate::status::{Ending, Event, Status, Watch};
use crate::store::{Store, Transaction};
use crate::sys;
use crate::task::{Client, Task, Witness};

/// How long a bound call may stay unclaimed before it counts as observed: its shell has started, so a claim would
/// have come within milliseconds.
const CLAIM_PATIENCE: chrono::Duration = chrono::Duration::seconds(5);
/// How long a call may stay unanswered, with its permission prompt on the screen, before it is forgotten. Only a session
/// that was killed leaves such a call behind.
const ANSWER_PATIENCE: chrono::Duration = chrono::Duration::hours(24);

/// Folds every run folder that has news. Takes the lock only if there is any.
pub fn fold(
    store: &Store,
    root: Option<&RunRoot>,
    wait: Duration,
    now: DateTime<Utc>,
) -> Result<()> {
    let news: Vec<(Task, News)> = store
        .read_active()?
        .tasks
        .into_iter()
        .filter_map(|task| news_of(&task, root, now).map(|news| (task, news)))
        .collect();
    if news.is_empty() {
        return Ok(());
    }
    // Copying an output is slow: it comes before the lock.
    if let Some(root) = root {
        for (task, news) in &news {
            if matches!(news, News::Ended(_) | News::Over(_)) {
                rescue_output(task, root, store);
            }
        }
    }
    store.update(wait, |transaction| {
        for (task, news) in &news {
            if let Some(current) = transaction.take(&task.id) {
                apply(transaction, current, news, store, root, now)?;
            }
        }
        Ok(())
    })?;
    if let Some(root) = root {
        for (task, news) in &news {
            if matches!(news, News::Ended(_) | News::Over(_)) {
                root.folder(&task.id).remove();
            }
        }
    }
    Ok(())
}

/// What a run folder says that the record does not.
enum News {
    Claimed,
    Started {
        at: DateTime<Utc>,
        client_id: Option<ClientTaskId>,
    },
    Observed,
    /// Nobody will ever run it.
    Abandoned,
    Ended(Box<RunResult>),
    /// It is over, and nobody saw how.
    Over(LostReason),
}

fn news_of(task: &Task, root: Option<&RunRoot>, now: DateTime<Utc>) -> Option<News> {
    let sighting = match root {
        Some(root) => look(task, &root.folder(&task.id), &Announced::of(root, &task.session)),
        None => Sighting::Nothing,
    };
    match (&task.status, sighting) {
        (Status::Finished(_) | Status::Running { watch: Watch::Observed, .. }, _) => None,
        (_, Sighting::Ended(result)) => Some(News::Ended(result)),
        (_, Sighting::RunnerGone) => Some(News::Over(LostReason::RunnerDied)),
        (Status::Pending { .. } | Status::Queued { .. }, Sighting::Started(started)) => {
            Some(News::Started { at: started.at, client_id: started.client_id })
        }
        (Status::Running { .. }, Sighting::Started(_)) => None,
        (Status::Pending { .. }, Sighting::Claimed) => Some(News::Claimed),
        (Status::Queued { .. } | Status::Running { .. }, Sighting::Claimed) => None,
        (Status::Pending { announced_at }, Sighting::Announced | Sighting::Nothing) => {
            let age = now - *announced_at;
            match task.client {
                Some(_) => (age > CLAIM_PATIENCE).then_some(News::Observed),
                None => (age > ANSWER_PATIENCE).then_some(News::Abandoned),
            }
        }
        (
            Status::Queued { .. } | Status::Running { .. },
            Sighting::Announced | Sighting::Nothing,
        ) => Some(News::Over(LostReason::RunFolderGone)),
    }
}

fn apply(
    transaction: &mut Transaction<'_>,
    mut task: Task,
    news: &News,
    store: &Store,
    root: Option<&RunRoot>,
    now: DateTime<Utc>,
) -> Result<()> {
    let event = match news {
        News::Claimed => Event::Claimed { at: now },
        News::Started { at, client_id } => {
            see_client(transaction, &mut task, client_id.as_ref())?;
            Event::Started { at: *at }
        }
        News::Abandoned if withdraw(&task, root) == Withdrawal::Withdrawn => return Ok(()),
        News::Abandoned => Event::Claimed { at: now },
        News::Observed => {
            if withdraw(&task, root) == Withdrawal::Claimed {
                transaction.active.insert(task);
                return Ok(());
            }
            Event::Observed { at: now }
        }
        News::Ended(result) => {
            see_client(transaction, &mut task, result.client_id.as_ref())?;
            task.output = kept_output(&task, result, root, store);
            Event::Ended(Ending {
                outcome: judge(result, task.stop_asked, task.client_limit_ms),
                started_at: Some(result.started_at),
                ended_at: result.ended_at,
                duration_ms: Some(result.duration_ms),
            })
        }
        News::Over(why) => Event::Ended(unseen_end(&task, *why, now)),
    };
    advance(transaction, task, event)
}

/// Applies an event and puts the task where it then belongs: back among the active ones, or into the history and, if
/// the model should hear of it, among what is owed.
pub fn advance(transaction: &mut Transaction<'_>, mut task: Task, event: Event) -> Result<()> {
    if let Ok(status) = task.status.apply(event) {
        task.status = status;
    }
    match &task.status {
        Status::Finished(ending) => {
            // A model that stopped a task itself was told so by the client's answer.
            let known = ending.outcome == Outcome::Cancelled { by: Canceller::Model };
            let outbox = transaction.outbox(&task.session)?;
            if known {
                outbox.remember(&task, ending.ended_at);
            } else {
                outbox.owe(task.clone());
            }
            transaction.finish(task);
        }
        Status::Pending { .. } | Status::Queued { .. } | Status::Running { .. } => {
            transaction.active.insert(task);
        }
    }
    Ok(())
}

/// Takes the runner's word for the client's id. If the client has said another one, the shell of a twin took this
/// announcement: what was said of this task is true of the twin, and the reverse.
fn see_client(
    transaction: &mut Transaction<'_>,
    task: &mut Task,
    client_id: Option<&ClientTaskId>,
) -> Result<()> {
    let Some(id) = client_id else { return Ok(()) };
    if task.client.is_none() {
        task.client = Some(Client { id: id.clone(), said_by: Witness::Runner });
    }
    if task.client_id() == Some(id) {
        return Ok(());
    }
    let session = task.session.clone();
    let mut known = tasks_of(transaction, &session)?.into_iter();
    if let Some(twin) =
        known.find(|other| other.client_id() == Some(id) && other.command == task.command)
    {
        std::mem::swap(&mut twin.client, &mut task.client);
        swap_calls(twin, task);
    }
    Ok(())
}

/// The end of a task that nobody saw end. If somebody asked for that, it is no mystery.
pub fn unseen_end(task: &Task, why: LostReason, now: DateTime<Utc>) -> Ending {
    let (started_at, outcome) = match &task.status {
        Status::Running { started_at, .. } => {
            let ran_ms = u64::try_from((now - *started_at).num_milliseconds()).unwrap_or(0);
            let outcome = match task.stop_asked {
                Some(_) => stopped(ran_ms, task.stop_asked, task.client_limit_ms),
                None => Outcome::Lost { why },
            };
            (Some(*started_at), outcome)
        }
        Status::Pending { .. } | Status::Queued { .. } | Status::Finished(_) => {
            match task.stop_asked {
                Some(asked) => (None, Outcome::Cancelled { by: asked.by }),
                None => (None, Outcome::Lost { why }),
            }
        }
    };
    // When it ended nobody saw, so there is no duration.
    Ending { outcome, started_at, ended_at: now, duration_ms: None }
}

fn kept_output(
    task: &Task,
    result: &RunResult,
    root: Option<&RunRoot>,
    store: &Store,
) -> Option<KeptOutput> {
    let client_file = match (&result.client_file, &result.client_id, root) {
        (Some(path), Some(id), Some(root)) if is_client_file(path, &task.session, id, root) => {
            Some(path.clone())
        }
        _ => None,
    };
    let size = result.output?;
    let dropped = if store.dir().output(&task.id).exists() { size.dropped } else { size.bytes };
    Some(KeptOutput { bytes: size.bytes, dropped, client_file })
}

/// Brings the output that a sandboxed runner kept in its run folder into the state folder. Best effort.
fn rescue_output(task: &Task, root: &RunRoot, store: &Store) {
    let target = store.dir().output(&task.id);
    let Ok(mut kept) = sys::open_own_file(&root.folder(&task.id).output()) else { return };
    if !target.exists() && store.dir().create_output_dir().is_ok() {
        let _ = adopt(&mut kept, &target);
    }
}

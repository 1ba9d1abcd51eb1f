//! What a run folder says that the record of its task does not.

use chrono::{DateTime, Utc};

use crate::id::ClientTaskId;
use crate::outcome::LostReason;
use crate::output::KeptOutput;
use crate::run_folder::{RunResult, RunRoot, Sighting, is_as_recorded, look};
use crate::status::{Status, Watch};
use crate::sys;
use crate::task::Task;

/// How long a bound call may stay unclaimed before it counts as observed: its shell has started, so a claim would
/// have come within milliseconds.
const CLAIM_PATIENCE: chrono::Duration = chrono::Duration::seconds(5);
/// How long a call may stay unanswered, with its permission prompt on the screen, before it is forgotten. Only a session
/// that was killed leaves such a call behind.
const ANSWER_PATIENCE: chrono::Duration = chrono::Duration::hours(24);

/// What is new.
#[derive(Debug)]
pub(crate) enum News {
    /// A runner waits for its turn.
    Queued {
        at: DateTime<Utc>,
        client_id: Option<ClientTaskId>,
    },
    /// Whose shell it is that waits.
    Identified {
        client_id: ClientTaskId,
    },
    Started {
        at: DateTime<Utc>,
        client_id: Option<ClientTaskId>,
    },
    /// Its shell runs without a runner.
    Observed,
    /// Nobody will ever run it.
    Abandoned,
    Ended(Box<RunResult>),
    /// It is over, and nobody saw how.
    Over(LostReason),
    /// The client is gone that alone would have told of its end; this much it had printed.
    Orphaned {
        output: Option<KeptOutput>,
    },
}

/// What is new of `task`, whose run folder lies below `root`; no root: that folder is gone, or never was.
pub(crate) fn news_of(task: &Task, root: Option<&RunRoot>, now: DateTime<Utc>) -> Option<News> {
    if matches!(task.status, Status::Finished(_) | Status::Running { watch: Watch::Observed, .. }) {
        return None;
    }
    if root.is_some_and(|root| is_as_recorded(task, root)) {
        return None;
    }
    let sighting = root.map_or(Sighting::Nothing, |root| look(task, root));
    match (&task.status, sighting) {
        (_, Sighting::Ended(result)) => Some(News::Ended(result)),
        (_, Sighting::RunnerGone) => Some(News::Over(LostReason::RunnerDied)),
        (Status::Pending { .. } | Status::Queued { .. }, Sighting::Started(started)) => {
            Some(News::Started { at: started.at, client_id: started.client_id })
        }
        (Status::Pending { .. }, Sighting::Queued(queued)) => {
            Some(News::Queued { at: queued.at, client_id: queued.client_id })
        }
        // Seen at the claim, before the runner could say whose shell it is.
        (Status::Queued { .. }, Sighting::Queued(queued)) if task.client.is_none() => {
            queued.client_id.map(|client_id| News::Identified { client_id })
        }
        // The claim may still be given up, and the call is then as if it had never been claimed.
        (Status::Pending { .. }, Sighting::Claimed) => None,
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
        ) => {
            // On another machine there was nothing to see from the beginning.
            let is_here = task.host.is_none() || task.host == sys::host();
            is_here.then_some(News::Over(LostReason::RunFolderGone))
        }
        (
            Status::Queued { .. } | Status::Running { .. } | Status::Finished(_),
            Sighting::Claimed | Sighting::Queued(_) | Sighting::Started(_),
        )
        | (Status::Finished(_), Sighting::Announced | Sighting::Nothing) => None,
    }
}

//! What is on its way to the model: results, and lines of running tasks.

use chrono::{DateTime, Utc};
use sisyphus_base::id::{SessionId, TaskId};
use sisyphus_base::process_ref::ProcessRef;
use sisyphus_tasks::delivery::Delivery;

use super::Active;

impl Active {
    /// The processes that are about to print something, or died before they acknowledged it.
    pub fn lease_holders(&self) -> impl Iterator<Item = &ProcessRef> {
        self.tasks.iter().flat_map(|task| {
            let result =
                if let Delivery::Leased { by, .. } = task.delivery() { Some(by) } else { None };
            result.into_iter().chain(task.matches.iter().flat_map(|matches| matches.holders()))
        })
    }

    /// What was sent with a prompt of this session and is not acknowledged, and when it was sent: results, and lines of
    /// running tasks.
    pub fn sent(&self, session: &SessionId) -> Vec<(TaskId, DateTime<Utc>)> {
        let of_session = self.tasks.iter().filter(|task| &task.session == session);
        let sent = of_session.flat_map(|task| {
            let result =
                if let Delivery::Sent { at, .. } = task.delivery() { Some(*at) } else { None };
            let lines = task.matches.iter().flat_map(|matches| matches.sent());
            result.into_iter().chain(lines).map(|at| (task.id.clone(), at))
        });
        sent.collect()
    }
}

//! Counting a result as told that was read by whoever it is owed to.

use anyhow::Result;
use chrono::Utc;
use sisyphus_core::id::SessionId;
use sisyphus_core::store::{LOCK_WAIT_IN_RUNNER, Store};
use sisyphus_core::task::Task;

/// Counts the whole result of a task that has ended as delivered, if `reader` is the session that it is owed to: the
/// model that asked for it need not be told again, and what the client announces later costs no turn.
pub fn count_as_told(store: &Store, task: &Task, reader: Option<&SessionId>) -> Result<()> {
    let is_owed = |task: &Task| -> Result<bool> {
        Ok(store.read_outbox(&task.session)?.owed.iter().any(|owed| owed.id == task.id))
    };
    if reader != Some(&task.session) || !task.status.is_final() || !is_owed(task)? {
        return Ok(());
    }
    store.update(LOCK_WAIT_IN_RUNNER, |transaction| {
        transaction.outbox(&task.session)?.settle(&task.id, Utc::now());
        Ok(())
    })
}

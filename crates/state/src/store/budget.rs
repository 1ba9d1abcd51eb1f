//! If the holder of the lock is stopped, a process waits in full only once, however many commits it makes.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::Result;
use sisyphus_base::lock::Lock;

use super::commit::Store;

/// After a lock wait timed out, this process does not wait again for this long: longer than a hook lives; a waiter lives
/// for hours.
const BACKOFF: Duration = Duration::from_secs(2);

/// Limits how long this process waits for the lock.
#[derive(Debug, Clone, Default)]
pub(super) struct LockBudget {
    timed_out_at: Arc<Mutex<Option<Instant>>>,
}

impl Store {
    /// Acquires the state lock, waiting at most `wait`. Does not wait shortly after an earlier wait timed out.
    pub(super) fn lock(&self, wait: Duration) -> Result<Lock> {
        let timed_out_at = self.budget.timed_out_at.lock();
        let mut timed_out_at = timed_out_at.unwrap_or_else(PoisonError::into_inner);
        let is_used_up = timed_out_at.is_some_and(|at| at.elapsed() < BACKOFF);
        let lock =
            Lock::acquire(&self.dir().lock(), if is_used_up { Duration::ZERO } else { wait });
        *timed_out_at = match &lock {
            Ok(_) => None,
            Err(_) if is_used_up => *timed_out_at,
            Err(_) => Some(Instant::now()),
        };
        lock
    }
}

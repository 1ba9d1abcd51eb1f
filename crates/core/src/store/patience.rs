//! A stopped holder of the lock costs a process its wait once, however many changes it has to make.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::Result;

use super::transaction::Store;
use sisyphus_base::lock::Lock;

/// For how long nobody waits again who has waited in vain. Longer than a hook lives; a waiter lives for hours.
const GIVES_UP_FOR: Duration = Duration::from_secs(2);

/// How long this process is ready to wait.
#[derive(Debug, Clone, Default)]
pub(super) struct Patience {
    lost_at: Arc<Mutex<Option<Instant>>>,
}

impl Store {
    /// Takes the one lock.
    pub(super) fn lock(&self, wait: Duration) -> Result<Lock> {
        self.patience.acquire(&self.dir().lock(), wait)
    }
}

impl Patience {
    /// Takes the lock of `path`, trying for `wait`, or just once shortly after that was in vain.
    pub(super) fn acquire(&self, path: &Path, wait: Duration) -> Result<Lock> {
        let mut lost_at = self.lost_at.lock().unwrap_or_else(PoisonError::into_inner);
        let is_lost = lost_at.is_some_and(|at| at.elapsed() < GIVES_UP_FOR);
        let lock = Lock::acquire(path, if is_lost { Duration::ZERO } else { wait });
        *lost_at = match &lock {
            Ok(_) => None,
            Err(_) if is_lost => *lost_at,
            Err(_) => Some(Instant::now()),
        };
        lock
    }
}

//! Waits until any of several locks is open. The kernel waits for one at a time, so there is a thread for each.

use std::collections::BTreeSet;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context as _, Result};
use sisyphus_base::lock::wait_until_open;

use crate::sys;

/// Stack of a thread that only waits for one lock, in bytes.
const STACK: usize = 64 * 1024;

/// Whether a lock that opened may be watched again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reuse {
    /// The lock stays open: if it were watched again, it would wake this process at once, forever.
    Once,
    Again,
}

/// The locks that threads of this process wait for.
pub struct Watchers {
    watched: Arc<Mutex<BTreeSet<PathBuf>>>,
    ring: Arc<dyn Fn() + Send + Sync>,
}

/// Lets [`Signals::wait`](crate::Signals::wait) of this process return.
pub fn wake_self() {
    sys::wake();
}

impl Default for Watchers {
    /// Lets [`Signals::wait`](crate::Signals::wait) return when a lock opens.
    fn default() -> Self {
        Self::new(sys::wake)
    }
}

impl Watchers {
    /// Calls `ring` each time a lock opens.
    pub fn new(ring: impl Fn() + Send + Sync + 'static) -> Self {
        Self { watched: Arc::default(), ring: Arc::new(ring) }
    }

    /// Rings once any of these locks opens. Each lock gets one thread, however often it is passed. A thread ends when
    /// its lock opens, or with the process.
    pub fn watch(&self, locks: impl IntoIterator<Item = PathBuf>) -> Result<()> {
        for path in locks {
            let lock = path.clone();
            self.start(path, Reuse::Once, move || wait_until_open(&lock))?;
        }
        Ok(())
    }

    /// Like [`Watchers::watch`], for locks that are taken repeatedly, each with its own way to wait. A lock that opened
    /// may be watched again.
    pub fn watch_again<W>(&self, locks: impl IntoIterator<Item = (PathBuf, W)>) -> Result<()>
    where
        W: FnOnce() -> io::Result<()> + Send + 'static,
    {
        for (path, wait) in locks {
            self.start(path, Reuse::Again, wait)?;
        }
        Ok(())
    }

    /// How many threads wait.
    pub fn at_work(&self) -> usize {
        // Each of them has a reference.
        Arc::strong_count(&self.watched) - 1
    }

    fn start(
        &self,
        path: PathBuf,
        reuse: Reuse,
        wait: impl FnOnce() -> io::Result<()> + Send + 'static,
    ) -> Result<()> {
        if !lock(&self.watched).insert(path.clone()) {
            return Ok(());
        }
        let (watched, ring) = (Arc::clone(&self.watched), Arc::clone(&self.ring));
        let wait = move || {
            // On an error this rings too, and the process then checks the lock itself.
            let _ = wait();
            if reuse == Reuse::Again {
                lock(&watched).remove(&path);
            }
            drop(watched);
            ring();
        };
        std::thread::Builder::new()
            .stack_size(STACK)
            .spawn(wait)
            .map(drop)
            .context("could not start a thread")
    }
}

fn lock(watched: &Mutex<BTreeSet<PathBuf>>) -> std::sync::MutexGuard<'_, BTreeSet<PathBuf>> {
    watched.lock().unwrap_or_else(PoisonError::into_inner)
}

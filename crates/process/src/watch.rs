//! Waiting until any of several locks is open. The kernel can wait for one at a time, so there is a thread for each.

use std::collections::BTreeSet;
use std::path::PathBuf;

use anyhow::{Context as _, Result};
use sisyphus_core::store::wait_until_open;

use crate::sys;

/// Stack of a thread that does nothing but wait for one lock, in bytes.
const STACK: usize = 64 * 1024;

/// The locks that threads of this process wait for.
#[derive(Debug, Default)]
pub struct Watchers {
    watched: BTreeSet<PathBuf>,
}

impl Watchers {
    /// Lets [`Signals::wait`](crate::Signals::wait) return once each of these locks is open. A lock that is watched
    /// already gets no second thread; none of them ends before the process does, or its lock opens.
    pub fn watch(&mut self, locks: impl IntoIterator<Item = PathBuf>) -> Result<()> {
        for path in locks {
            if !self.watched.insert(path.clone()) {
                continue;
            }
            let wait = move || {
                // An error is no reason to sleep on: whoever is woken looks for itself.
                let _ = wait_until_open(&path);
                sys::wake();
            };
            std::thread::Builder::new()
                .stack_size(STACK)
                .spawn(wait)
                .context("could not start a thread")?;
        }
        Ok(())
    }
}

//! Publishes results: one commit takes all that come together.
//!
//! A commit reads and writes files that hold every live task and every result that is owed. One commit for each of
//! hundreds of short queued commands would take twice as long as the commands.

use std::fs::File;
use std::path::Path;
use std::time::{Duration, SystemTime};

use anyhow::{Context as _, Result};
use sisyphus_process::{is_gone, start_notifier};
use sisyphus_state::reconcile::{Scope, World};
use sisyphus_state::store::{LOCK_WAIT_IN_RUNNER, Lock, Store};

/// The shortest time between the commits of two runners.
const APART: Duration = Duration::from_millis(100);

/// Reconciles finished runs and commits them. If a runner has just done so, this one waits for a moment and commits
/// what has ended until then. If another runner already waits for that moment, it commits our result too, which is
/// written already.
pub(crate) fn publish(store: &Store, client_tmp: &Path) -> Result<()> {
    let path = store.dir().runners_lock();
    let Some(turn) = Lock::take_free(&path)? else { return Ok(()) };
    wait_until_apart(&path);
    touch(&path)?;
    // Released before the commit reads the runs: a runner that ends from now on waits for the next commit.
    drop(turn);
    let world = World { is_gone, client_tmp, scope: Scope::Ended };
    let folded = store.update(&world, LOCK_WAIT_IN_RUNNER, |_, _| ());
    start_notifier(store.dir());
    folded
}

fn wait_until_apart(path: &Path) {
    let last = path.metadata().and_then(|file| file.modified());
    // A time in the future comes from a clock that was set back. It is ignored.
    let since = last.ok().and_then(|last| SystemTime::now().duration_since(last).ok());
    let left = since.and_then(|since| APART.checked_sub(since)).unwrap_or_default();
    #[expect(clippy::disallowed_methods, reason = "no event reports that nothing else ends")]
    std::thread::sleep(left);
}

fn touch(path: &Path) -> Result<()> {
    File::options()
        .write(true)
        .open(path)
        .and_then(|file| file.set_modified(SystemTime::now()))
        .with_context(|| format!("could not touch `{}`", path.display()))
}

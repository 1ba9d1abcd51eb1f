//! Making an end known: what ends together is folded together.
//!
//! A fold reads and writes files that hold every live task, and every result that is owed. One for each of hundreds of
//! short commands that wait in line would take twice as long as the commands.

use std::fs::File;
use std::path::Path;
use std::time::{Duration, SystemTime};

use anyhow::{Context as _, Result};
use sisyphus_process::{is_gone, start_notifier};
use sisyphus_state::reconcile::{Scope, World};
use sisyphus_state::store::{LOCK_WAIT_IN_RUNNER, Lock, Store};

/// How long after one runner has folded the next one does.
const APART: Duration = Duration::from_millis(100);

/// Folds what has ended. If a runner has done so just now: a moment later, with what has ended by then. If one waits for
/// that moment already, it does it for us: our result, which is written, is there when it looks.
pub(crate) fn publish(store: &Store, client_tmp: &Path) -> Result<()> {
    let path = store.dir().runners_lock();
    let Some(turn) = Lock::take_free(&path)? else { return Ok(()) };
    wait_until_apart(&path);
    touch(&path)?;
    // Before the look: who ends from now on waits for the next one.
    drop(turn);
    let world = World { is_gone, client_tmp, scope: Scope::Ended };
    let folded = store.update(&world, LOCK_WAIT_IN_RUNNER, |_, _| ());
    start_notifier(store.dir());
    folded
}

fn wait_until_apart(path: &Path) {
    let last = path.metadata().and_then(|file| file.modified());
    // A time in the future is of a clock that was set back: it tells nothing.
    let since = last.ok().and_then(|last| SystemTime::now().duration_since(last).ok());
    let left = since.and_then(|since| APART.checked_sub(since)).unwrap_or_default();
    #[expect(clippy::disallowed_methods, reason = "no event tells that nothing else ends")]
    std::thread::sleep(left);
}

fn touch(path: &Path) -> Result<()> {
    File::options()
        .write(true)
        .open(path)
        .and_then(|file| file.set_modified(SystemTime::now()))
        .with_context(|| format!("could not touch `{}`", path.display()))
}

//! The lock of the state: whether it can be acquired, and if not, which process holds it.

use std::time::{Duration, Instant};

use sisyphus_process::holder;
use sisyphus_state::store::Lock;

use super::context::DoctorContext;
use super::finding::{Finding, error_text, for_shell, plain};

/// How long the doctor tries: ten times as long as a hook.
const PATIENCE: Duration = Duration::from_secs(1);
/// From here on a hook would have given up.
const SLOW: Duration = Duration::from_millis(100);

pub(super) fn check(context: &DoctorContext) -> Vec<Finding> {
    let state = context.state();
    // Other parts report a missing or read-only folder.
    if !state.root().is_dir() || !state.is_writable() {
        return Vec::new();
    }
    let path = state.lock();
    if path.symlink_metadata().is_err() {
        return vec![Finding::fine("the state has never been locked")];
    }
    let begin = Instant::now();
    let taken = Lock::acquire(&path, PATIENCE).map(drop);
    let waited = begin.elapsed();
    vec![match taken {
        Ok(()) if waited < SLOW => Finding::fine("the state can be locked at once"),
        Ok(()) => Finding::note(
            format!("locking the state took {} ms", waited.as_millis()),
            "a hook gives up sooner; the cause is many sessions at once, or a slow disk under the state folder",
        ),
        Err(error) => match holder(&path) {
            Ok(Some(holder)) => Finding::broken(
                format!(
                    "process {} ({}) holds the lock of the state",
                    holder.process.pid,
                    plain(&holder.program.to_string_lossy())
                ),
                format!(
                    "check it with `ps -p {pid}`: if it is suspended, run `kill -CONT {pid}`, else `kill {pid}`",
                    pid = holder.process.pid
                ),
            ),
            Ok(None) | Err(_) => Finding::broken(
                error_text(&error),
                format!(
                    "make sure that it is a plain file of yours; list the processes that use it: fuser {}",
                    for_shell(&path)
                ),
            ),
        },
    }]
}

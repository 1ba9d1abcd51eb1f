//! The lock of the state: whether it can be had, and if not, who has it.

use std::time::{Duration, Instant};

use sisyphus_process::holder;
use sisyphus_state::store::Lock;

use super::context::DoctorContext;
use super::finding::{Finding, for_shell, plain};

/// How long it is tried: ten times as long as a hook does.
const PATIENCE: Duration = Duration::from_secs(1);
/// From this time on a hook would have given up.
const SLOW: Duration = Duration::from_millis(100);

pub(super) fn check(context: &DoctorContext) -> Vec<Finding> {
    let state = context.state();
    // Elsewhere it is told that there is no folder, or that nothing can be written there.
    if !state.root().is_dir() || !state.is_writable() {
        return Vec::new();
    }
    let path = state.lock();
    if path.symlink_metadata().is_err() {
        return vec![Finding::fine("nobody has ever locked the state")];
    }
    let begin = Instant::now();
    let taken = Lock::acquire(&path, PATIENCE).map(drop);
    let waited = begin.elapsed();
    vec![match taken {
        Ok(()) if waited < SLOW => Finding::fine("the state can be locked at once"),
        Ok(()) => Finding::note(
            format!("the state could be locked after {} ms only", waited.as_millis()),
            "a hook would have given up: many sessions at once, or a slow disk under the state folder",
        ),
        Err(error) => match holder(&path) {
            Ok(Some(holder)) => Finding::broken(
                format!(
                    "process {} ({}) has locked the state and does not give it back",
                    holder.process.pid,
                    plain(&holder.program.to_string_lossy())
                ),
                format!(
                    "look at it with `ps -p {pid}`: if it is stopped, `kill -CONT {pid}`, else `kill {pid}`",
                    pid = holder.process.pid
                ),
            ),
            Ok(None) | Err(_) => Finding::broken(
                plain(&format!("{error:#}")),
                format!(
                    "it must be a plain file of yours; see who has it: fuser {}",
                    for_shell(&path)
                ),
            ),
        },
    }]
}

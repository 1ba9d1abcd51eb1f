//! Rings for the waiter of an idle session: it looks again whether there is a reason to wake the session.

use sisyphus_base::atomic;
use sisyphus_base::id::SessionId;
use sisyphus_base::paths::StateDir;
use sisyphus_process::{ProcessId, ring};

/// Largest file that names a waiter, in bytes.
const MAX_BYTES: u64 = 1024;

/// Rings for the session's waiter, if there is one.
pub fn ring_waiter(state: &StateDir, session: &SessionId) {
    let named = atomic::read_json::<(i32, Option<u64>)>(&state.waiter(session), MAX_BYTES);
    if let Some((pid, start @ Some(_))) = named {
        ring(&ProcessId { pid, start });
    }
}

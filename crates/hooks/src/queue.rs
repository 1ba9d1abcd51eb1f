//! What the hooks know about runners and their queue.

use sisyphus_hook::Context;
use sisyphus_process::is_alive;
use sisyphus_state::line::Snapshot;

/// Whether commands get a runner here.
pub(crate) fn is_attachable(context: &Context) -> bool {
    cfg!(target_os = "linux") && context.store.dir().runner().exists()
}

/// Which runners have slots and which are queued, if so many slots are held.
pub(crate) fn line(context: &Context, slots: usize) -> Snapshot {
    let line = Snapshot::read_from(&context.environment, is_alive, slots);
    context.logged("line", line).unwrap_or_default()
}

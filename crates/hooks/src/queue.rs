//! What the hooks know about runners and their queue.

use sisyphus_hook::Context;
use sisyphus_process::is_alive;
use sisyphus_state::line::{Snapshot, View};

/// Whether commands get a runner here.
pub(crate) fn is_attachable(context: &Context) -> bool {
    cfg!(unix) && context.store.dir().runner().exists()
}

/// Which runners have slots and which are queued. `None` if the queue can't be read: no runner can join it then, so each
/// starts its command at once.
pub(crate) fn line(context: &Context, view: View<'_>) -> Option<Snapshot> {
    context.logged("line", Snapshot::read_as(view, &context.environment, is_alive))
}

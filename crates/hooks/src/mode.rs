//! Notes that a conversation has a narrower permission mode than when it asked for sessions. Those that have not started
//! get no more.

use sisyphus_base::id::SessionId;
use sisyphus_state::event::Event;
use sisyphus_state::sessions::is_narrower;
use sisyphus_state::store::Active;
use sisyphus_tasks::session::PermissionMode;

/// The event that narrows the sessions of this conversation, if its mode now says so.
pub(crate) fn mode_seen(
    active: &Active,
    session: &SessionId,
    mode: Option<PermissionMode>,
) -> Option<Event> {
    let mode = mode.filter(|mode| is_narrower(active, session, *mode))?;
    Some(Event::ModeSeen { session: session.clone(), mode })
}

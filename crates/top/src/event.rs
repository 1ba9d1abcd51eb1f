//! What the dashboard waits for.

use crate::backend::Snapshot;
use crate::key::Key;

/// Something that happened.
pub(crate) enum Event {
    Key(Key),
    Read(Result<Snapshot, String>),
    /// The last lines of a task.
    Tail(String, Vec<String>),
    /// What an action did.
    Said(String),
    Signal(i32),
    /// The terminal is gone.
    Gone,
}

//! The state folder: JSON files that several processes own, changed under one lock.
//!
//! Invariants: whoever changes a file holds `state.lock`; readers take no lock, because a file is replaced in one
//! rename; several files change as one, by a journal; nothing slow happens under the lock; a file that does not parse is set
//! aside and never overwritten.

mod delivered;
mod file;
mod history;
mod journal;
mod notify;
mod original;
mod outbox;
mod patience;
mod session;
mod tally;
mod transaction;

pub use delivered::Delivered;
pub(crate) use file::Format;
pub use file::Malformed;
pub use history::History;
pub use outbox::{Carrier, Claimer, Delivery, Outbox, Sent, Telling};
pub use session::{Rewriting, Session};
pub use sisyphus_base::lock::{
    LOCK_WAIT_IN_HOOK, LOCK_WAIT_IN_RUNNER, Lock, is_held, wait_until_open,
};
pub use tally::Tally;
pub use transaction::{Active, Store, Transaction};

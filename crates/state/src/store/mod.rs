//! The state folder: JSON files that several processes own.
//!
//! Invariants: a process that changes a file holds `state.lock`. Readers need no lock, because a file is replaced in
//! one rename. An event waits in the inbox while its process can't get the lock. A file that does not parse is set
//! aside and never overwritten.

mod budget;
mod commit;
mod finished;
mod history;
mod inbox;
#[cfg(test)]
mod model;
mod notify;
mod session;

pub use crate::active::matches::{LeasedMatches, MatchWakes};
pub use crate::active::{Active, Carrier, Leased, News, Sent, SentTo, Tally};
pub use crate::file::Malformed;
pub use commit::{Peek, Store};
pub use history::History;
pub use session::{Rewriting, Session};
pub use sisyphus_base::lock::{
    LOCK_WAIT_FOR_NOTICE, LOCK_WAIT_IN_HOOK, LOCK_WAIT_IN_RUNNER, Lock, is_held,
};

//! The state folder: JSON files that several processes own.
//!
//! Invariants: a process that changes a file holds `state.lock`. Readers need no lock, because a file is replaced in
//! one rename. An event waits in the inbox while its process can't get the lock. A file that does not parse is set
//! aside and never overwritten.

mod active;
mod budget;
mod call_book;
mod commit;
mod file;
mod history;
mod inbox;
#[cfg(test)]
mod model;
mod notify;
mod session;
mod tally;

pub use active::{Active, Leased};
pub use commit::{Peek, Store};
pub(crate) use file::Format;
pub use file::Malformed;
pub use history::History;
pub use session::{Rewriting, Session};
pub use sisyphus_base::lock::{
    LOCK_WAIT_FOR_NOTICE, LOCK_WAIT_IN_HOOK, LOCK_WAIT_IN_RUNNER, Lock, is_held, wait_until_open,
};
pub use tally::Tally;

//! What nobody needs any more: outputs and history that are old, and what crashed processes have left.
//!
//! Invariants: nothing goes of a task that has not ended, and nothing of a result that is still owed to a session of which
//! anything was heard within 30 days. Everything is listed before it is asked what is needed, so that what begins meanwhile is not in the list. In folders that sandboxed
//! commands can write to only names go that we would give: such a folder may be exchanged for a link to any other
//! between the look and the removal, and there no such name will be found.

mod all;
mod find;
mod listing;
mod live;
mod needed;
mod remove;

pub use all::{find_all, remove_all};
pub use find::{Kind, Leftover, find};
pub use remove::remove;

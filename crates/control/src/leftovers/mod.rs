//! Files that are not needed any more: old outputs, old history, and what crashed processes left.
//!
//! Nothing of an unfinished task is removed. Nor is a result that is still owed to a session that was active within 30
//! days. All files are listed first, and what is needed is read second, so the list has no file of a task that starts
//! in between. A folder that sandboxed commands can write to may be replaced by a link to any other folder, between the
//! listing and the removal. So in such folders only files with our own names are removed, and the other folder has none
//! of those.

mod find;
mod leftover;
mod listing;
mod needed;
mod remove;

pub use find::find;
pub use leftover::{Extent, Kind, Leftover};
pub use remove::{remove, remove_all};

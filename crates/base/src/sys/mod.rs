//! What differs between systems: the owner of a folder, its mode, Claude Code's temporary folder, reading with a time
//! limit.

use std::io;
use std::path::Path;

use crate::rights::Rights;

#[cfg(unix)]
mod unix;
#[cfg(unix)]
pub use unix::*;

#[cfg(windows)]
mod windows;
#[cfg(windows)]
pub use windows::*;

/// What a read of the standard input found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Input {
    /// Something came, or a signal ended the wait early: ask again.
    Came,
    /// Nothing came in the time.
    Silent,
    Ended,
}

/// Whether `path` is a real folder of this user that no other user can write to.
pub fn is_private_dir(path: &Path) -> io::Result<bool> {
    let metadata = path.symlink_metadata()?;
    Ok(metadata.is_dir() && rights_of(&metadata) >= Rights::OthersMayRead)
}

//! What differs between systems: the owner of a folder, its mode, Claude Code's temporary folder.

#[cfg(unix)]
mod unix;
#[cfg(unix)]
pub use unix::*;

#[cfg(windows)]
mod windows;
#[cfg(windows)]
pub use windows::*;

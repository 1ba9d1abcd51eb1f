//! What differs between systems: the shells that Claude Code starts, processes as the kernel knows them, signals,
//! terminals.

#[cfg(unix)]
mod unix;
#[cfg(unix)]
pub use unix::*;

#[cfg(windows)]
mod windows;
#[cfg(windows)]
pub use windows::*;

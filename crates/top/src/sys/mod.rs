//! The keyboard and the signals of this process, for each system.

#[cfg(unix)]
mod unix;
#[cfg(windows)]
mod windows;

#[cfg(unix)]
pub(crate) use unix::{forward_signals, read_keys};
#[cfg(windows)]
pub(crate) use windows::{forward_signals, read_keys};

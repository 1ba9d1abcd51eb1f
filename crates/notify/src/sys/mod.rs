//! What desktops do differently: D-Bus on Linux and the like, a program on macOS, a library on Windows.

#[cfg(target_os = "macos")]
mod macos;
#[cfg(windows)]
mod windows;
#[cfg(all(unix, not(target_os = "macos")))]
mod xdg;

#[cfg(target_os = "macos")]
pub(crate) use macos::*;
#[cfg(windows)]
pub(crate) use windows::*;
#[cfg(all(unix, not(target_os = "macos")))]
pub(crate) use xdg::*;

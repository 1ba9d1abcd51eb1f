//! What desktops do differently: D-Bus on Linux and the like, and the other systems.

#[cfg(not(all(unix, not(target_os = "macos"))))]
mod other;
#[cfg(all(unix, not(target_os = "macos")))]
mod xdg;

#[cfg(not(all(unix, not(target_os = "macos"))))]
pub(crate) use other::{body, close, id_of, server, server_name, urge};
#[cfg(all(unix, not(target_os = "macos")))]
pub(crate) use xdg::{body, close, id_of, server, server_name, urge};

//! Links, modes, and names that are no text.

use std::ffi::OsString;
use std::fs::Permissions;
use std::io;
use std::os::unix::ffi::OsStringExt as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

pub use std::os::unix::fs::symlink;

/// The permission bits of a file.
pub fn mode(path: &Path) -> u32 {
    path.metadata().expect("a file").permissions().mode() & 0o777
}

pub fn set_mode(path: &Path, mode: u32) -> io::Result<()> {
    std::fs::set_permissions(path, Permissions::from_mode(mode))
}

/// What a name may hold, and no text.
pub fn no_text() -> OsString {
    OsString::from_vec(vec![0xff, 0xfe])
}

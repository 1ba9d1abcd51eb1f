//! Links, modes, and names that are no text.

use std::ffi::OsString;
use std::io;
use std::os::windows::ffi::OsStringExt as _;
use std::os::windows::fs::{symlink_dir, symlink_file};
use std::path::Path;

/// Makes a link, which Windows allows to few users.
pub fn symlink(target: impl AsRef<Path>, link: impl AsRef<Path>) -> io::Result<()> {
    if target.as_ref().is_dir() { symlink_dir(target, link) } else { symlink_file(target, link) }
}

/// There are no permission bits.
pub fn mode(_: &Path) -> u32 {
    0
}

/// There are no permission bits.
pub fn set_mode(_: &Path, _: u32) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

/// What a name may hold, and no text: half a character.
pub fn no_text() -> OsString {
    OsString::from_wide(&[0xd800])
}

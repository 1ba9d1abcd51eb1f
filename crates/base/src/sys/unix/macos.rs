//! What macOS says of this machine. It has no namespaces.

use std::ffi::{CStr, OsString};
use std::fmt::Write as _;
use std::os::unix::ffi::OsStringExt as _;
use std::path::PathBuf;
use std::ptr;

use nix::libc;
use nix::time::ClockId;

use crate::machine::Machine;

/// A clock that also runs while the machine sleeps.
pub(super) const SINCE_BOOT: ClockId = ClockId::CLOCK_MONOTONIC;

/// Longest path, in bytes.
const PATH_MAX: usize = 1024;
/// A UUID as text, and the NUL behind it.
const TEXT_LENGTH: usize = 37;
/// A UUID in bytes.
const LENGTH: usize = 16;

/// The folder in `/var/folders` that the system has made for this user. What is below `/tmp` goes when it is three days old.
pub(super) fn user_dir() -> Option<PathBuf> {
    let mut path = vec![0_u8; PATH_MAX];
    // SAFETY: the function writes at most as many bytes as the buffer has, the last of which is a NUL.
    let length =
        unsafe { libc::confstr(libc::_CS_DARWIN_USER_DIR, path.as_mut_ptr().cast(), path.len()) };
    path.truncate(length.checked_sub(1).filter(|length| *length < PATH_MAX)?);
    (!path.is_empty()).then(|| PathBuf::from(OsString::from_vec(path)))
}

/// The kernel's id of this start of the machine.
pub fn boot_id() -> Option<String> {
    let mut id = [0_u8; TEXT_LENGTH];
    let mut size = id.len();
    // SAFETY: the name ends with a NUL. The kernel writes at most `size` bytes, and sets `size` to how many it wrote.
    let failed = unsafe {
        let (name, buffer) = (c"kern.bootsessionuuid".as_ptr(), id.as_mut_ptr().cast());
        libc::sysctlbyname(name, buffer, &raw mut size, ptr::null_mut(), 0)
    };
    let text = CStr::from_bytes_until_nul(&id).ok()?.to_str().ok()?;
    (failed == 0 && !text.is_empty()).then(|| text.to_ascii_lowercase())
}

/// This machine; `None` if it has no boot id. People see no name of it.
pub fn machine() -> Option<Machine> {
    Some(Machine { boot: boot_id()?, id: hardware_id(), host: None })
}

/// The id of the hardware, which survives a restart.
fn hardware_id() -> Option<String> {
    let mut id = [0_u8; LENGTH];
    let wait = libc::timespec { tv_sec: 1, tv_nsec: 0 };
    // SAFETY: the function writes a UUID, and waits at most as long as it may.
    let failed = unsafe { libc::gethostuuid(id.as_mut_ptr(), &raw const wait) };
    let mut text = String::with_capacity(2 * LENGTH);
    for byte in id {
        write!(text, "{byte:02x}").ok()?;
    }
    (failed == 0).then_some(text)
}

/// There are none: Claude Code's sandbox is of another kind.
pub fn namespaces() -> Option<(u64, u64)> {
    None
}

/// All processes are in one.
pub fn pid_namespace() -> Option<u64> {
    Some(0)
}

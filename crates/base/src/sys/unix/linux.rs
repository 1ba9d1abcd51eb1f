//! What Linux says of this machine, and of the namespaces of this process.

use std::os::unix::fs::MetadataExt as _;
use std::path::PathBuf;

use nix::time::ClockId;

use crate::machine::Machine;

/// A clock that also runs while the machine sleeps.
pub(super) const SINCE_BOOT: ClockId = ClockId::CLOCK_BOOTTIME;

/// The folder that is there as long as this user is logged in, see `pam_systemd(8)`.
pub(super) fn user_dir() -> Option<PathBuf> {
    let folder = PathBuf::from(format!("/run/user/{}", super::own_user()));
    folder.exists().then_some(folder)
}

/// The kernel's id of this start of the machine.
pub fn boot_id() -> Option<String> {
    first_line("/proc/sys/kernel/random/boot_id")
}

/// This machine; `None` if it has no boot id.
pub fn machine() -> Option<Machine> {
    let host = first_line("/proc/sys/kernel/hostname");
    Some(Machine { boot: boot_id()?, id: first_line("/etc/machine-id"), host })
}

fn first_line(path: &str) -> Option<String> {
    let text = std::fs::read_to_string(path).ok()?;
    text.lines().next().map(|line| line.trim().to_owned()).filter(|line| !line.is_empty())
}

/// The inodes of this process's mount namespace and user namespace, which differ inside Claude Code's sandbox. `None`
/// if `/proc` does not show them.
pub fn namespaces() -> Option<(u64, u64)> {
    let inode = |name: &str| Some(std::fs::metadata(format!("/proc/self/ns/{name}")).ok()?.ino());
    Some((inode("mnt")?, inode("user")?))
}

/// The inode of this process's process namespace: process numbers are valid only in that namespace. `None` if `/proc`
/// does not show it.
pub fn pid_namespace() -> Option<u64> {
    std::fs::metadata("/proc/self/ns/pid").ok().map(|it| it.ino())
}

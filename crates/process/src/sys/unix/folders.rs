//! Folders whose changes end a wait: by inotify on Linux, nowhere else yet.

use std::io;
use std::path::Path;

use nix::poll::PollFd;

use super::super::Changes;

/// The folders that the kernel watches for this process. Dropping it ends that.
#[cfg(target_os = "linux")]
#[derive(Debug)]
pub struct Folders {
    kernel: nix::sys::inotify::Inotify,
}

#[cfg(target_os = "linux")]
impl Folders {
    /// None so far. All processes of a user together have 128 of these by default.
    pub fn new() -> io::Result<Self> {
        use nix::sys::inotify::{InitFlags, Inotify};
        Ok(Self { kernel: Inotify::init(InitFlags::IN_CLOEXEC | InitFlags::IN_NONBLOCK)? })
    }

    /// Adds a folder. It is no error if it is one of them already.
    pub fn add(&self, folder: &Path, changes: Changes) -> io::Result<()> {
        use nix::sys::inotify::AddWatchFlags as Flags;
        let names = Flags::IN_CREATE | Flags::IN_MOVE | Flags::IN_DELETE | Flags::IN_ONLYDIR;
        let flags = match changes {
            Changes::Names => names,
            Changes::NamesAndContents => names | Flags::IN_CLOSE_WRITE,
        };
        self.kernel.add_watch(folder, flags)?;
        Ok(())
    }

    /// Adds what `poll` waits for.
    pub(super) fn add_to<'a>(&'a self, awaited: &mut Vec<PollFd<'a>>) {
        use std::os::fd::AsFd as _;
        awaited.push(PollFd::new(self.kernel.as_fd(), nix::poll::PollFlags::POLLIN));
    }

    /// Reads the changes so far, so that the next wait is for later ones.
    pub(super) fn forget(&self) {
        while self.kernel.read_events().is_ok_and(|events| !events.is_empty()) {}
    }
}

/// No folder can be watched.
#[cfg(not(target_os = "linux"))]
#[derive(Debug)]
pub struct Folders;

#[cfg(not(target_os = "linux"))]
impl Folders {
    pub fn new() -> io::Result<Self> {
        Err(io::ErrorKind::Unsupported.into())
    }

    pub fn add(&self, _: &Path, _: Changes) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    pub(super) fn add_to<'a>(&'a self, _: &mut Vec<PollFd<'a>>) {}

    pub(super) fn forget(&self) {}
}

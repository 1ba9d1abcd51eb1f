//! Folders whose changes end a wait: by inotify.

use std::io;
use std::path::Path;

use nix::poll::PollFd;
use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify, WatchDescriptor};

use super::super::super::Changes;

/// The folders that the kernel watches for this process. Dropping it ends that.
#[derive(Debug)]
pub struct Folders {
    kernel: Inotify,
    /// A folder may be there twice, with two files.
    watched: Vec<(WatchDescriptor, Changes)>,
}

impl Folders {
    /// None so far. All processes of a user together have 128 of these by default.
    pub fn new() -> io::Result<Self> {
        let kernel = Inotify::init(InitFlags::IN_CLOEXEC | InitFlags::IN_NONBLOCK)?;
        Ok(Self { kernel, watched: Vec::new() })
    }

    /// Ends the watch, which takes the kernel milliseconds.
    pub fn end(self) {
        drop(self);
    }

    /// Adds a folder. It is no error if it is one of them already.
    pub fn add(&mut self, folder: &Path, changes: Changes) -> io::Result<()> {
        let names = AddWatchFlags::IN_CREATE
            | AddWatchFlags::IN_MOVE
            | AddWatchFlags::IN_DELETE
            | AddWatchFlags::IN_ONLYDIR;
        let flags = match changes {
            // Not what is written: a look at a lock closes a file that was open for writing.
            Changes::Names => names,
            Changes::Of(_) => names | AddWatchFlags::IN_CLOSE_WRITE,
        };
        let added = (self.kernel.add_watch(folder, flags)?, changes);
        if !self.watched.contains(&added) {
            self.watched.push(added);
        }
        Ok(())
    }

    /// Adds what `poll` waits for.
    pub(in super::super) fn add_to<'a>(&'a self, awaited: &mut Vec<PollFd<'a>>) {
        use std::os::fd::AsFd as _;
        awaited.push(PollFd::new(self.kernel.as_fd(), nix::poll::PollFlags::POLLIN));
    }

    /// Takes the changes so far, so that the next wait is for later ones. Whether one of them matters.
    pub(in super::super) fn take(&self) -> bool {
        let mut matters = false;
        while let Ok(events) = self.kernel.read_events() {
            matters |= events.iter().any(|event| {
                let mut awaited = self.watched.iter().filter(|(wd, _)| *wd == event.wd);
                awaited.any(|(_, changes)| match (changes, &event.name) {
                    (Changes::Of(file), Some(name)) => name == file,
                    (Changes::Of(_), None) | (Changes::Names, _) => true,
                }) || event.mask.contains(AddWatchFlags::IN_Q_OVERFLOW)
            });
        }
        matters
    }
}

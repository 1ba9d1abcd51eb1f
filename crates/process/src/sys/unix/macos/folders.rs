//! Folders whose changes end a wait: by kqueue.

use std::cell::RefCell;
use std::ffi::OsString;
use std::fs::{File, Metadata};
use std::io;
use std::os::fd::{AsFd as _, AsRawFd as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use nix::libc::{O_EVTONLY, O_NONBLOCK, timespec};
use nix::poll::{PollFd, PollFlags};
use nix::sys::event::{EvFlags, EventFilter, FilterFlag, KEvent, Kqueue};

use super::super::super::Changes;

/// How many changes are taken with one call.
const AT_ONCE: usize = 16;
/// To take what is there, without waiting.
const NOW: timespec = timespec { tv_sec: 0, tv_nsec: 0 };

/// The folders that the kernel watches for this process. Dropping it ends that.
#[derive(Debug)]
pub struct Folders {
    kernel: Kqueue,
    /// A folder may be there twice, with two files.
    watched: RefCell<Vec<Watched>>,
}

/// What one caller wants to know of a folder.
#[derive(Debug)]
struct Watched {
    path: PathBuf,
    changes: Changes,
    /// The kernel forgets what is closed.
    folder: File,
    /// The file that is meant, and how it was at the last look. A folder does not report that a file in it was written.
    file: Option<(File, Version)>,
}

/// A file with its content: a write changes the time, and a file that replaces it has another number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Version {
    device: u64,
    number: u64,
    at: (i64, i64),
    size: u64,
}

impl Version {
    fn of(metadata: &Metadata) -> Self {
        Self {
            device: metadata.dev(),
            number: metadata.ino(),
            at: (metadata.mtime(), metadata.mtime_nsec()),
            size: metadata.size(),
        }
    }
}

impl Folders {
    /// None so far. Each takes a file descriptor, and so does its file.
    pub fn new() -> io::Result<Self> {
        Ok(Self { kernel: Kqueue::new()?, watched: RefCell::default() })
    }

    /// Ends the watch.
    pub fn end(self) {
        drop(self);
    }

    /// Adds a folder. It is no error if it is one of them already.
    pub fn add(&mut self, folder: &Path, changes: Changes) -> io::Result<()> {
        let now = folder.metadata()?;
        let watched = self.watched.get_mut();
        let is_same = |it: &Watched| {
            let its = it.folder.metadata();
            its.is_ok_and(|its| (its.dev(), its.ino()) == (now.dev(), now.ino()))
        };
        // Another folder may be there since.
        watched.retain(|it| it.path != folder || it.changes != changes || is_same(it));
        if watched.iter().any(|it| it.path == folder && it.changes == changes) {
            return Ok(());
        }
        let opened = open(folder)?;
        watch(&self.kernel, &opened)?;
        let mut added = Watched { path: folder.to_owned(), changes, folder: opened, file: None };
        added.look(&self.kernel);
        watched.push(added);
        Ok(())
    }

    /// Adds what `poll` waits for.
    pub(in super::super) fn add_to<'a>(&'a self, awaited: &mut Vec<PollFd<'a>>) {
        awaited.push(PollFd::new(self.kernel.as_fd(), PollFlags::POLLIN));
    }

    /// Takes the changes so far, so that the next wait is for later ones. Whether one of them matters.
    pub(in super::super) fn take(&self) -> bool {
        let none =
            KEvent::new(0, EventFilter::EVFILT_VNODE, EvFlags::empty(), FilterFlag::empty(), 0, 0);
        let mut events = [none; AT_ONCE];
        let mut changed = Vec::new();
        while let Ok(count @ 1..) = self.kernel.kevent(&[], &mut events, Some(NOW)) {
            changed.extend(events[..count].iter().map(KEvent::ident));
        }
        let mut matters = false;
        for watched in self.watched.borrow_mut().iter_mut() {
            matters |= match &watched.changes {
                Changes::Names => changed.contains(&ident(&watched.folder)),
                Changes::Of(_) => watched.look(&self.kernel),
            };
        }
        matters
    }
}

impl Watched {
    /// Looks at the file that is meant, and watches the one that is there now. Whether it is not as before.
    fn look(&mut self, kernel: &Kqueue) -> bool {
        let Changes::Of(name) = &self.changes else { return false };
        let now = self.path.join(name).metadata().ok().map(|metadata| Version::of(&metadata));
        let before = self.file.as_ref().map(|(_, version)| *version);
        if now == before {
            return false;
        }
        let is_same_file = |(now, before): (Version, Version)| {
            (now.device, now.number) == (before.device, before.number)
        };
        self.file = match (now, self.file.take()) {
            (Some(now), Some((file, before))) if is_same_file((now, before)) => Some((file, now)),
            _ => self.open_file(name.clone(), kernel),
        };
        true
    }

    /// `None` if there is no such file, or it can't be watched.
    fn open_file(&self, name: OsString, kernel: &Kqueue) -> Option<(File, Version)> {
        let file = open(&self.path.join(name)).ok()?;
        let version = Version::of(&file.metadata().ok()?);
        watch(kernel, &file).ok()?;
        Some((file, version))
    }
}

/// Opens it to be watched. That keeps no volume from being ejected, and does not wait for the writer of a planted pipe.
fn open(path: &Path) -> io::Result<File> {
    File::options().read(true).custom_flags(O_EVTONLY | O_NONBLOCK).open(path)
}

/// Has the kernel report each change of an open file or folder, from now on.
fn watch(kernel: &Kqueue, file: &File) -> io::Result<()> {
    let what = FilterFlag::NOTE_WRITE
        | FilterFlag::NOTE_EXTEND
        | FilterFlag::NOTE_DELETE
        | FilterFlag::NOTE_RENAME;
    let flags = EvFlags::EV_ADD | EvFlags::EV_CLEAR;
    let change = KEvent::new(ident(file), EventFilter::EVFILT_VNODE, flags, what, 0, 0);
    kernel.kevent(&[change], &mut [], None)?;
    Ok(())
}

/// By what the kernel names an open file in its reports.
fn ident(file: &File) -> usize {
    usize::try_from(file.as_raw_fd()).unwrap_or_default()
}

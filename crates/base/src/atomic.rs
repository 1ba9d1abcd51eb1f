//! Files that change in one step, and reads that are bounded.

use std::fs::{self, File};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::process;
use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::{Context as _, Result};
use serde::de::DeserializeOwned;

use crate::sys;

/// The extension of a file that is not written to its end yet, or never will be.
pub const UNFINISHED: &str = "tmp";

/// Replaces `path` by `bytes` in one rename: a reader sees the old file or the new one, never half of one.
///
/// There is no `fsync`: after a power cut the file may be the old one, or empty on some file systems. An `fsync` costs
/// a third of a hook (0.4 ms). It would protect knowledge of running processes, which do not survive a power cut
/// either.
pub fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    replace(path, bytes).map(drop)
}

/// Like [`write()`], and returns the new file, open.
pub fn replace(path: &Path, bytes: &[u8]) -> Result<File> {
    let written = replace_with(path, |mut file| file.write_all(bytes).map(|()| file));
    written.with_context(|| format!("could not write `{}`", path.display()))
}

/// Lets `fill` write a new file, then renames that to `path`.
pub fn replace_with<T>(path: &Path, fill: impl FnOnce(File) -> io::Result<T>) -> io::Result<T> {
    Replacement::create(path)?.fill(fill)
}

/// A new file that is to take the place of another one. A process that dies before it has written the file leaves one
/// with the extension [`UNFINISHED`].
#[derive(Debug)]
pub struct Replacement {
    path: PathBuf,
    temporary: PathBuf,
    file: File,
}

impl Replacement {
    /// Reserves room on the disk: the disk may be full when there is something to write. A file system that never writes
    /// in place, or that compresses, may need new room all the same.
    ///
    /// Spaces take the room. With `fallocate`, the removal of the file would take 130 µs on ext4, and at times 4 ms.
    pub fn reserve(path: &Path, bytes: usize) -> io::Result<Self> {
        let mut new = Self::create(path)?;
        match new.file.write_all(&vec![b' '; bytes]) {
            Ok(()) => Ok(new),
            Err(error) => {
                new.discard();
                Err(error)
            }
        }
    }

    fn create(path: &Path) -> io::Result<Self> {
        // Two threads or two processes must not share a temporary name.
        static COUNTER: AtomicU32 = AtomicU32::new(0);
        let number = COUNTER.fetch_add(1, Ordering::Relaxed);
        let mut temporary = path.as_os_str().to_owned();
        temporary.push(format!(".{}-{number}.{UNFINISHED}", process::id()));
        let temporary = PathBuf::from(temporary);
        let file = create_new(&temporary)?;
        Ok(Self { path: path.to_owned(), temporary, file })
    }

    /// Writes `bytes` where the spaces are, then renames the file. Refuses if another file has taken its name meanwhile.
    pub fn write(self, bytes: &[u8]) -> io::Result<()> {
        let temporary = self.temporary.clone();
        self.fill(|mut file| {
            if !sys::is_at(&file, &temporary)? {
                return Err(io::ErrorKind::NotFound.into());
            }
            file.rewind()?;
            file.write_all(bytes)?;
            file.set_len(bytes.len() as u64)
        })
    }

    fn fill<T>(self, fill: impl FnOnce(File) -> io::Result<T>) -> io::Result<T> {
        let Self { path, temporary, file } = self;
        let written = fill(file).and_then(|value| {
            sys::patiently(|| fs::rename(&temporary, &path))?;
            Ok(value)
        });
        if written.is_err() {
            // Best effort: the caller gets the first error.
            let _ = fs::remove_file(&temporary);
        }
        written
    }

    /// Removes the file. Best effort.
    pub fn discard(self) {
        let _ = fs::remove_file(self.temporary);
    }
}

fn create_new(path: &Path) -> io::Result<File> {
    match sys::create_private_file(path) {
        // A process with our number left it: it was killed between create and rename.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            fs::remove_file(path)?;
            sys::create_private_file(path)
        }
        other => other,
    }
}

/// Reads a file of ours as JSON; `None` if it is missing or unreadable, or has more than `max` bytes.
pub fn read_json<T: DeserializeOwned>(path: &Path, max: u64) -> Option<T> {
    serde_json::from_slice(&read(path, max).ok()??).ok()
}

/// Reads a whole file of ours; `None` if there is none. More than `max` bytes is an error, so that an oversized file
/// can't slow down a hook.
pub fn read(path: &Path, max: u64) -> Result<Option<Vec<u8>>> {
    let context = || format!("could not read `{}`", path.display());
    let file = open(path).with_context(context)?;
    file.map(|file| read_open(&file, max)).transpose().with_context(context)
}

/// Opens a file of ours for reading; `None` if there is none.
pub fn open(path: &Path) -> io::Result<Option<File>> {
    if_found(sys::open_own_file(path))
}

/// The result of a look at a file; `None` if there is none.
pub fn if_found<T>(found: io::Result<T>) -> io::Result<Option<T>> {
    match found {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        other => other.map(Some),
    }
}

/// Reads a whole file of the user's; `None` if there is none, not even at the end of a link.
///
/// A user's own files are often links into a folder under version control, or into one of a package manager. So unlike
/// with our files, links are followed and any owner is accepted. The target must be a regular file: a link to a pipe or
/// to `/dev/zero` is an error before a byte is read. So is more than `max` bytes.
pub fn read_linked(path: &Path, max: u64) -> Result<Option<Vec<u8>>> {
    read_user_file(path, |file| read_open(&file, max))
}

/// Like [`read_linked`] for the first `max` bytes of a file of any size.
pub fn read_linked_start(path: &Path, max: u64) -> Result<Option<Vec<u8>>> {
    read_user_file(path, |file| {
        // Reserves all of it, so that one read is enough.
        let mut bytes = Vec::with_capacity(usize::try_from(max).unwrap_or(0));
        file.take(max).read_to_end(&mut bytes)?;
        Ok(bytes)
    })
}

/// Like [`read_linked`] for the last `max` bytes of a file of any size.
pub fn read_linked_end(path: &Path, max: u64) -> Result<Option<Vec<u8>>> {
    read_user_file(path, |mut file| {
        let length = file.metadata()?.len();
        file.seek(SeekFrom::Start(length.saturating_sub(max)))?;
        let mut bytes = Vec::new();
        file.take(max).read_to_end(&mut bytes)?;
        Ok(bytes)
    })
}

fn read_user_file(
    path: &Path,
    read: impl FnOnce(File) -> io::Result<Vec<u8>>,
) -> Result<Option<Vec<u8>>> {
    let context = || format!("could not read `{}`", path.display());
    let file = if_found(sys::open_linked_file(path)).with_context(context)?;
    file.map(read).transpose().with_context(context)
}

/// Reads a whole open file. More than `max` bytes is an error.
pub fn read_open(file: &File, max: u64) -> io::Result<Vec<u8>> {
    let expected = file.metadata()?.len().min(max);
    let mut bytes = Vec::with_capacity(usize::try_from(expected).unwrap_or(0) + 1);
    file.take(max + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > max {
        return Err(io::Error::other(format!("larger than {max} bytes")));
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use sisyphus_testing::TempDir;

    #[test]
    fn replaces_whole_and_leaves_nothing_behind() {
        let dir = TempDir::new();
        let path = dir.path().join("a.json");
        write(&path, b"old").unwrap();
        write(&path, b"new").unwrap();
        assert_eq!(read(&path, 10).unwrap().unwrap(), b"new");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    /// If the rename fails, `write` keeps what is at the path and removes its temporary file.
    #[test]
    fn a_failed_rename_keeps_the_old_file() {
        let dir = TempDir::new();
        let path = dir.path().join("folder");
        fs::create_dir(&path).unwrap();
        let error = write(&path, b"x").unwrap_err();
        assert!(format!("{error:#}").starts_with("could not write `"), "{error:#}");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_missing_file_is_no_error_and_a_huge_one_is() {
        let dir = TempDir::new();
        let path = dir.path().join("a");
        assert!(read(&path, 3).unwrap().is_none());
        write(&path, b"abcd").unwrap();
        assert!(read(&path, 3).is_err());
        assert_eq!(read(&path, 4).unwrap().unwrap(), b"abcd");
    }

    #[test]
    fn a_file_of_the_users_is_bounded_too() {
        let dir = TempDir::new();
        let path = dir.path().join("a");
        assert!(read_linked(&path, 3).unwrap().is_none());
        write(&path, b"abcd").unwrap();
        assert!(read_linked(&path, 3).is_err());
        assert_eq!(read_linked(&path, 4).unwrap().unwrap(), b"abcd");
        assert_eq!(read_linked_start(&path, 3).unwrap().unwrap(), b"abc");
        assert_eq!(read_linked_start(&path, 9).unwrap().unwrap(), b"abcd");
        assert_eq!(read_linked_end(&path, 3).unwrap().unwrap(), b"bcd");
        assert_eq!(read_linked_end(&path, 9).unwrap().unwrap(), b"abcd");
        let error = read_linked(dir.path(), 4).unwrap_err();
        assert!(format!("{error:#}").ends_with("not a regular file"), "{error:#}");
    }

    fn entries(dir: &TempDir) -> Vec<PathBuf> {
        let entries = fs::read_dir(dir.path()).unwrap();
        entries.map(|entry| entry.unwrap().path()).collect()
    }

    #[test]
    fn a_reserved_file_takes_less_and_more() {
        let dir = TempDir::new();
        let path = dir.path().join("result.json");
        for text in [String::from("less"), "more".repeat(100)] {
            Replacement::reserve(&path, 100).unwrap().write(text.as_bytes()).unwrap();
            assert_eq!(fs::read_to_string(&path).unwrap(), text);
        }
        Replacement::reserve(&path, 100).unwrap().discard();
        assert_eq!(entries(&dir), [path]);
    }

    #[test]
    #[cfg_attr(windows, ignore = "Windows keeps the name of an open file")]
    fn what_stands_in_the_place_of_a_reserved_file_is_not_believed() {
        let dir = TempDir::new();
        let path = dir.path().join("result.json");
        for planted in [None, Some("planted")] {
            let room = Replacement::reserve(&path, 100).unwrap();
            let [temporary] = entries(&dir).try_into().unwrap();
            fs::remove_file(&temporary).unwrap();
            if let Some(text) = planted {
                fs::write(&temporary, text).unwrap();
            }
            room.write(b"true").unwrap_err();
            assert_eq!(entries(&dir), [] as [PathBuf; 0]);
        }
    }
}

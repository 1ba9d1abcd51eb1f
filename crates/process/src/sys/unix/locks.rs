//! What the kernel shows about file locks and their holders: `/proc` on Linux. Other systems show nothing here.

use std::fs::{self, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use super::proc::shows_our_numbers;

/// The numbers of the processes that took an exclusive `flock` that is still held. Such a process may be gone: then a
/// child may hold the lock, and the number may belong to another process. Check [`holds`] too.
pub(crate) fn lock_holders() -> Result<Vec<i32>> {
    anyhow::ensure!(shows_our_numbers(), "/proc shows the processes of another namespace");
    let text = fs::read_to_string("/proc/locks").context("could not read /proc/locks")?;
    Ok(text.lines().filter_map(taker).collect())
}

/// Parses `1: FLOCK  ADVISORY  WRITE 359 00:13:11691 0 EOF`, see `proc_locks(5)`. The line of a waiting process has an
/// arrow before the kind.
fn taker(line: &str) -> Option<i32> {
    let mut fields = line.split_ascii_whitespace().skip(1);
    let is_exclusive = fields.next()? == "FLOCK" && fields.nth(1)? == "WRITE";
    fields.next()?.parse().ok().filter(|pid| is_exclusive && *pid > 0)
}

/// Whether the process `pid` has `file` open and locked. A line about a lock names the file by the numbers of the file
/// system, which for some file systems differ from those of `stat`. So this inspects the files of the process.
pub(crate) fn holds(pid: i32, file: &Metadata) -> bool {
    let Ok(entries) = fs::read_dir(folder(pid).join("fd")) else { return false };
    entries.filter_map(Result::ok).any(|entry| {
        let is_it = fs::metadata(entry.path())
            .is_ok_and(|open| (open.dev(), open.ino()) == (file.dev(), file.ino()));
        is_it && is_locked(&folder(pid).join("fdinfo").join(entry.file_name()))
    })
}

fn is_locked(info: &Path) -> bool {
    let text = fs::read_to_string(info).unwrap_or_default();
    text.lines().any(|line| line.strip_prefix("lock:").is_some_and(|lock| taker(lock).is_some()))
}

/// The metadata of a lock file; `None` if there is none. A link is no lock file.
pub(crate) fn lock_file(path: &Path) -> Result<Option<Metadata>> {
    match path.symlink_metadata() {
        Ok(metadata) => Ok(Some(metadata).filter(Metadata::is_file)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).with_context(|| format!("could not inspect `{}`", path.display())),
    }
}

/// The file that a process executes.
pub(crate) fn program(pid: i32) -> Option<PathBuf> {
    fs::read_link(folder(pid).join("exe")).ok()
}

/// The file behind the standard output of a process.
pub(crate) fn standard_output(pid: i32) -> Option<PathBuf> {
    fs::read_link(folder(pid).join("fd/1")).ok()
}

/// Whether a process is in the process namespace of this one.
pub(crate) fn counts_as_we_do(pid: i32) -> bool {
    match (namespace_of(&folder(pid)), process_namespace()) {
        (Some(its), Some(ours)) => its == ours,
        (Some(_) | None, Some(_) | None) => false,
    }
}

/// The inode of this process's process namespace; `None` if the system does not provide it.
pub(crate) fn process_namespace() -> Option<u64> {
    sisyphus_base::sys::pid_namespace()
}

/// All namespaces are in one file system, so the inode alone identifies one.
fn namespace_of(process: &Path) -> Option<u64> {
    fs::metadata(process.join("ns/pid")).ok().map(|it| it.ino())
}

fn folder(pid: i32) -> PathBuf {
    Path::new("/proc").join(pid.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_who_has_an_exclusive_flock_is_a_taker() {
        let cases = [
            ("1: FLOCK  ADVISORY  WRITE 359 00:13:11691 0 EOF", Some(359)),
            ("\t1: FLOCK  ADVISORY  WRITE 359 00:13:11691 0 EOF", Some(359)),
            ("1: -> FLOCK  ADVISORY  WRITE 360 00:13:11691 0 EOF", None),
            ("1: FLOCK  ADVISORY  READ 359 00:13:11691 0 EOF", None),
            ("2: POSIX  ADVISORY  WRITE 359 00:13:11691 0 EOF", None),
            ("3: OFDLCK ADVISORY  WRITE -1 00:13:11691 0 EOF", None),
            // Of another namespace.
            ("1: FLOCK  ADVISORY  WRITE 0 00:13:11691 0 EOF", None),
            ("1: FLOCK  ADVISORY  WRITE -1 00:13:11691 0 EOF", None),
            ("1: FLOCK", None),
            ("", None),
        ];
        for (line, expected) in cases {
            assert_eq!(taker(line), expected, "{line}");
        }
    }
}

//! What the kernel shows about file locks and their holders: `/proc`.

use std::fs::{self, Metadata};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use sisyphus_base::sys::pid_namespace;

use super::super::lock_file::lock_file;
use super::proc::shows_our_numbers;
use crate::holder::{Holder, PidNamespace};
use crate::identity::ProcessId;

/// The process that holds the exclusive lock of the file `lock`; `None` if this process may inspect no holder. An error
/// if the system does not list locks.
pub fn holder(lock: &Path) -> Result<Option<Holder>> {
    let Some(file) = lock_file(lock)? else { return Ok(None) };
    for pid in lock_holders()? {
        let Some(process) = ProcessId::now(pid) else { continue };
        if !holds(pid, &file) {
            continue;
        }
        // The file behind its standard output.
        let output = fs::read_link(folder(pid).join("fd/1")).ok();
        let (Some(program), Some(output)) = (program(pid), output) else { continue };
        // The answers above are about any process that had the number.
        if process.is_alive() {
            return Ok(Some(Holder { process, program, output, numbers: numbers(pid) }));
        }
    }
    Ok(None)
}

/// The numbers of the processes that took an exclusive `flock` that is still held. Such a process may be gone: then a
/// child may hold the lock, and the number may belong to another process. Check [`holds`] too.
fn lock_holders() -> Result<Vec<i32>> {
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
fn holds(pid: i32, file: &Metadata) -> bool {
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

/// The file that a process executes.
pub(crate) fn program(pid: i32) -> Option<PathBuf> {
    fs::read_link(folder(pid).join("exe")).ok()
}

/// How a process numbers other processes. All namespaces are in one file system, so the inode alone identifies one.
fn numbers(pid: i32) -> PidNamespace {
    let its = fs::metadata(folder(pid).join("ns/pid")).ok().map(|it| it.ino());
    if its.is_some() && its == pid_namespace() { PidNamespace::Ours } else { PidNamespace::ItsOwn }
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

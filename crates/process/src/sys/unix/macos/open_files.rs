//! The open files of a process, and which of them it has locked.

use std::fs::Metadata;
use std::mem::{MaybeUninit, size_of};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::ptr;

use anyhow::{Context as _, Result};
use nix::libc::{self, PROC_PIDLISTFDS, c_int, proc_fdinfo, vnode_info_path};
use sisyphus_base::lock::is_held;

use super::super::lock_file::lock_file;
use super::table::{numbers, path, program};
use crate::holder::{Holder, PidNamespace};
use crate::identity::ProcessId;
use crate::tree::is_runner;

/// A descriptor of a file, and not of a socket or a pipe (`PROX_FDTYPE_VNODE` of `sys/proc_info.h`).
const VNODE: u32 = 1;
/// The question for [`OpenFile`] (`PROC_PIDFDVNODEPATHINFO`).
const OPEN_FILE: c_int = 2;
/// An advisory lock was granted through this open file (`FWASLOCKED` of xnu's `sys/fcntl.h`). A process that still waits
/// for a lock does not have it, and no process of ours keeps a file open whose lock it has released.
const WAS_LOCKED: u32 = 0x4000;
/// How many files a process may open between the question how many it has and the list of them.
const SLACK: usize = 16;

/// `vnode_fdinfowithpath` of `sys/proc_info.h`.
#[repr(C)]
struct OpenFile {
    flags: u32,
    _status: u32,
    _offset: i64,
    _kind: i32,
    _guard_flags: u32,
    file: vnode_info_path,
}

const _: () = assert!(size_of::<OpenFile>() == 1200);

impl OpenFile {
    fn holds(&self, lock: &Metadata) -> bool {
        let found = &self.file.vip_vi.vi_stat;
        let is_it = u64::from(found.vst_dev) == lock.dev() && found.vst_ino == lock.ino();
        is_it && self.flags & WAS_LOCKED != 0
    }
}

/// The process that holds the exclusive lock of the file `lock`; `None` if there is none, or this process may inspect no
/// holder.
pub fn holder(lock: &Path) -> Result<Option<Holder>> {
    let Some(file) = lock_file(lock)? else { return Ok(None) };
    // A process that probes a free lock has the mark for a moment. While the lock is held, no other process gets it.
    if !is_held(lock).with_context(|| format!("could not inspect `{}`", lock.display()))? {
        return Ok(None);
    }
    let all = numbers().context("could not list the processes")?;
    let programs = all.into_iter().filter_map(|pid| Some((pid, program(pid)?)));
    let (runners, others): (Vec<_>, Vec<_>) = programs.partition(|(_, it)| is_runner(it));
    // Runners first. To look at the files of all processes takes long, and waits for a file system that does not answer.
    let mut candidates = runners.into_iter().chain(others);
    Ok(candidates.find_map(|(pid, program)| holder_in(pid, program, &file)))
}

/// This process, if it holds the lock of the file.
fn holder_in(pid: i32, program: PathBuf, lock: &Metadata) -> Option<Holder> {
    let process = ProcessId::now(pid)?;
    if !open_files(pid).iter().any(|(_, open)| open.holds(lock)) {
        return None;
    }
    let output = path_of(pid, 1)?;
    // The answers above are about any process that had the number.
    process.is_alive().then_some(Holder { process, program, output, numbers: PidNamespace::Ours })
}

/// The path of an open file of a process; `None` if that is no file.
pub(super) fn path_of(pid: i32, descriptor: i32) -> Option<PathBuf> {
    path(&open_file(pid, descriptor)?.file)
}

/// The files that a process has open, with their descriptors.
pub(super) fn paths(pid: i32) -> Vec<(i32, PathBuf)> {
    let files = open_files(pid).into_iter();
    files.filter_map(|(descriptor, open)| Some((descriptor, path(&open.file)?))).collect()
}

fn open_files(pid: i32) -> Vec<(i32, OpenFile)> {
    let all = descriptors(pid).into_iter().filter(|it| it.proc_fdtype == VNODE);
    all.filter_map(|it| Some((it.proc_fd, open_file(pid, it.proc_fd)?))).collect()
}

fn descriptors(pid: i32) -> Vec<proc_fdinfo> {
    // SAFETY: without a buffer the call only says how large one must be.
    let bytes = unsafe { libc::proc_pidinfo(pid, PROC_PIDLISTFDS, 0, ptr::null_mut(), 0) };
    let expected = usize::try_from(bytes).unwrap_or_default() / size_of::<proc_fdinfo>();
    let mut found = Vec::<proc_fdinfo>::with_capacity(expected + SLACK);
    let bytes = c_int::try_from(found.capacity() * size_of::<proc_fdinfo>()).unwrap_or_default();
    // SAFETY: the kernel writes at most `bytes` bytes, and the buffer has as many.
    let written =
        unsafe { libc::proc_pidinfo(pid, PROC_PIDLISTFDS, 0, found.as_mut_ptr().cast(), bytes) };
    let written = usize::try_from(written).unwrap_or_default() / size_of::<proc_fdinfo>();
    // SAFETY: the kernel has filled in as many structures of integers, for which all bytes are valid.
    unsafe { found.set_len(written.min(found.capacity())) };
    found
}

fn open_file(pid: i32, descriptor: i32) -> Option<OpenFile> {
    let mut file = MaybeUninit::<OpenFile>::zeroed();
    let size = c_int::try_from(size_of::<OpenFile>()).ok()?;
    // SAFETY: the kernel writes at most `size` bytes, and the structure has as many.
    let written =
        unsafe { libc::proc_pidfdinfo(pid, descriptor, OPEN_FILE, file.as_mut_ptr().cast(), size) };
    // SAFETY: a structure of integers, for which all bytes are valid, and the kernel has filled it in.
    (written == size).then(|| unsafe { file.assume_init() })
}

//! The process table, by `libproc`. The kernel shows no zombies, and little of other users' processes (xnu,
//! `bsd/kern/proc_info.c`).

use std::ffi::OsString;
use std::mem::{MaybeUninit, size_of};
use std::os::unix::ffi::OsStringExt as _;
use std::path::PathBuf;
use std::ptr;

use nix::libc::{
    self, PROC_PIDPATHINFO_MAXSIZE, PROC_PIDT_SHORTBSDINFO, PROC_PIDTBSDINFO,
    PROC_PIDVNODEPATHINFO, c_char, c_int, proc_bsdinfo, proc_bsdshortinfo, proc_vnodepathinfo,
    vnode_info_path,
};

use super::super::super::Stat;
use crate::identity::ProcessId;

/// How many processes may start between the question how many there are and the list of them.
const SLACK: usize = 64;

/// What the system knows about a process; `None` if it is gone or a zombie.
pub(crate) fn stat(pid: i32) -> Option<Stat> {
    of_user(pid).or_else(|| of_other(pid))
}

/// A process of this user.
fn of_user(pid: i32) -> Option<Stat> {
    // SAFETY: the kernel fills this structure for this question.
    let info: proc_bsdinfo = unsafe { info(pid, PROC_PIDTBSDINFO) }?;
    let start = info.pbi_start_tvsec.checked_mul(1_000_000)?.checked_add(info.pbi_start_tvusec)?;
    let long = text(&info.pbi_name);
    let name = if long.is_empty() { text(&info.pbi_comm) } else { long };
    Some(Stat {
        id: ProcessId { pid, start: Some(start) },
        name: String::from_utf8_lossy(&name).into_owned(),
        parent: i32::try_from(info.pbi_ppid).ok()?,
        group: i32::try_from(info.pbi_pgid).ok()?,
    })
}

/// A process of another user, such as one behind `sudo`. When it started is not known.
fn of_other(pid: i32) -> Option<Stat> {
    // SAFETY: the kernel fills this structure for this question.
    let info: proc_bsdshortinfo = unsafe { info(pid, PROC_PIDT_SHORTBSDINFO) }?;
    Some(Stat {
        id: ProcessId { pid, start: None },
        name: String::from_utf8_lossy(&text(&info.pbsi_comm)).into_owned(),
        parent: i32::try_from(info.pbsi_ppid).ok()?,
        group: i32::try_from(info.pbsi_pgid).ok()?,
    })
}

/// Every process.
pub(crate) fn processes() -> Vec<Stat> {
    numbers().unwrap_or_default().into_iter().filter_map(stat).collect()
}

/// The file that a process executes.
pub(crate) fn program(pid: i32) -> Option<PathBuf> {
    let size = u32::try_from(PROC_PIDPATHINFO_MAXSIZE).ok()?;
    let mut path = vec![0_u8; usize::try_from(size).ok()?];
    // SAFETY: the kernel writes at most `size` bytes, and the buffer has as many.
    let length = unsafe { libc::proc_pidpath(pid, path.as_mut_ptr().cast(), size) };
    path.truncate(usize::try_from(length).ok().filter(|length| *length > 0)?);
    Some(PathBuf::from(OsString::from_vec(path)))
}

/// The working folder of each process of this user but this one; `None` if the kernel lists no processes.
pub(crate) fn working_folders() -> Option<Vec<PathBuf>> {
    let own = nix::unistd::getpid().as_raw();
    let others = numbers()?.into_iter().filter(|pid| *pid != own);
    let folder = |pid| {
        // SAFETY: the kernel fills this structure for this question.
        let info: proc_vnodepathinfo = unsafe { info(pid, PROC_PIDVNODEPATHINFO) }?;
        path(&info.pvi_cdir)
    };
    Some(others.filter_map(folder).collect())
}

/// The path of an open file or a working folder; `None` if it has none.
pub(super) fn path(info: &vnode_info_path) -> Option<PathBuf> {
    let bytes = text(info.vip_path.as_flattened());
    (!bytes.is_empty()).then(|| PathBuf::from(OsString::from_vec(bytes)))
}

/// What precedes the NUL.
fn text(field: &[c_char]) -> Vec<u8> {
    field.iter().map(|character| character.cast_unsigned()).take_while(|byte| *byte != 0).collect()
}

/// The numbers of all processes; `None` if the kernel does not list them.
pub(super) fn numbers() -> Option<Vec<i32>> {
    // SAFETY: without a buffer the call only counts.
    let expected = unsafe { libc::proc_listallpids(ptr::null_mut(), 0) };
    let mut pids = vec![0_i32; usize::try_from(expected).ok()? + SLACK];
    let bytes = c_int::try_from(size_of_val(pids.as_slice())).ok()?;
    // SAFETY: the kernel writes at most `bytes` bytes, and the buffer has as many.
    let listed = unsafe { libc::proc_listallpids(pids.as_mut_ptr().cast(), bytes) };
    pids.truncate(usize::try_from(listed).ok().filter(|count| *count > 0)?);
    // The kernel itself has the number 0.
    pids.retain(|pid| *pid > 0);
    Some(pids)
}

/// The kernel's answer to a question about a process; `None` without one, or if it has another size.
///
/// # Safety
/// `T` is the structure with which the kernel answers `question`. All bytes are valid for it.
unsafe fn info<T>(pid: i32, question: c_int) -> Option<T> {
    let mut info = MaybeUninit::<T>::zeroed();
    let size = c_int::try_from(size_of::<T>()).ok()?;
    // SAFETY: the kernel writes at most `size` bytes, and the structure has as many.
    let written = unsafe { libc::proc_pidinfo(pid, question, 0, info.as_mut_ptr().cast(), size) };
    // SAFETY: the caller promises it, and the kernel has filled it in.
    (written == size).then(|| unsafe { info.assume_init() })
}

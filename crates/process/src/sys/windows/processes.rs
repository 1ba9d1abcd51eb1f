//! The process table. Windows keeps the number of a process's parent when that parent is gone, and gives the number to
//! another process.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io;
use std::mem::{MaybeUninit, size_of};
use std::os::windows::ffi::OsStringExt as _;
use std::os::windows::io::{AsHandle as _, AsRawHandle as _, HandleOrInvalid, OwnedHandle};
use std::path::PathBuf;

use windows_sys::Wdk::System::Threading::{
    NtQueryInformationProcess, ProcessCommandLineInformation,
};
use windows_sys::Win32::Foundation::{FILETIME, UNICODE_STRING};
use windows_sys::Win32::System::Diagnostics::ToolHelp::{
    CreateToolhelp32Snapshot, PROCESSENTRY32W, Process32FirstW, Process32NextW, TH32CS_SNAPPROCESS,
};
use windows_sys::Win32::System::Threading::{
    GetProcessTimes, PROCESS_QUERY_LIMITED_INFORMATION, PROCESS_SYNCHRONIZE,
    QueryFullProcessImageNameW,
};

use super::super::Stat;
use super::command_line::split;
use super::handle::{Patience, done, open_process, wait};
use super::job;
use crate::identity::ProcessId;

/// Longest path of a program, in units of UTF-16.
const PATH_MAX: u32 = 32_768;
/// Longest command line, in bytes, with what is before it.
const COMMAND_LINE_MAX: u32 = 66 * 1024;

/// The process that has this number; `None` if there is none, or if it has exited.
pub(crate) fn identity(pid: i32) -> Option<ProcessId> {
    Some(ProcessId { pid, start: start_of(pid)? })
}

/// What the system knows about a process; `None` if it has exited. It reads the whole table.
pub(crate) fn stat(pid: i32) -> Option<Stat> {
    let entry = entries().into_iter().find(|entry| entry.pid == pid)?;
    let start = start_of(pid)?;
    let parent = entry.parent;
    let began = start_of(parent).flatten();
    Some(entry.stat(start, began, &job::members()))
}

/// Every process.
pub(crate) fn processes() -> Vec<Stat> {
    let entries = entries();
    let starts: BTreeMap<i32, Option<u64>> =
        entries.iter().filter_map(|entry| Some((entry.pid, start_of(entry.pid)?))).collect();
    let ours = job::members();
    let known = entries.into_iter().filter_map(|entry| {
        let start = *starts.get(&entry.pid)?;
        let began = starts.get(&entry.parent).copied().flatten();
        Some(entry.stat(start, began, &ours))
    });
    known.collect()
}

/// The file that a process executes.
pub(crate) fn program(pid: i32) -> Option<PathBuf> {
    let process = open_process(pid, PROCESS_QUERY_LIMITED_INFORMATION).ok()?;
    let mut length = PATH_MAX;
    let mut path = vec![0_u16; usize::try_from(length).ok()?];
    // SAFETY: the process is open, and the buffer has as many places as `length` says.
    let answer = unsafe {
        QueryFullProcessImageNameW(process.as_raw_handle(), 0, path.as_mut_ptr(), &raw mut length)
    };
    done(answer).ok()?;
    path.truncate(usize::try_from(length).ok()?);
    Some(OsString::from_wide(&path).into())
}

/// The command line of a process; empty if it can't be read.
pub(crate) fn arguments(pid: i32) -> Vec<OsString> {
    command_line(pid).map(|line| split(&line)).unwrap_or_default()
}

fn command_line(pid: i32) -> Option<Vec<u16>> {
    let process = open_process(pid, PROCESS_QUERY_LIMITED_INFORMATION).ok()?;
    // The answer is a structure with a pointer, so its place in memory is a multiple of 8.
    let mut buffer = vec![0_u64; usize::try_from(COMMAND_LINE_MAX).ok()? / size_of::<u64>()];
    let mut length = 0;
    // SAFETY: the process is open, and the buffer has as many bytes as the call reads.
    let status = unsafe {
        NtQueryInformationProcess(
            process.as_raw_handle(),
            ProcessCommandLineInformation,
            buffer.as_mut_ptr().cast(),
            COMMAND_LINE_MAX,
            &raw mut length,
        )
    };
    if status < 0 {
        return None;
    }
    let bytes: Vec<u8> = buffer.iter().flat_map(|word| word.to_ne_bytes()).collect();
    // The structure begins with the length of the text in bytes. The text follows the structure.
    let length = usize::from(u16::from_ne_bytes([bytes[0], bytes[1]]));
    let text = bytes.get(size_of::<UNICODE_STRING>()..)?.get(..length)?;
    Some(text.chunks_exact(2).map(|unit| u16::from_ne_bytes([unit[0], unit[1]])).collect())
}

/// Windows does not list working folders.
pub(crate) fn working_folders() -> Option<Vec<PathBuf>> {
    None
}

/// A line of the table.
struct Entry {
    pid: i32,
    parent: i32,
    name: String,
}

impl Entry {
    fn stat(self, start: Option<u64>, parent_began: Option<u64>, ours: &job::Members) -> Stat {
        // A parent that began later is another process with the same number.
        let is_parent = start.is_none() || parent_began <= start;
        let id = ProcessId { pid: self.pid, start };
        let group = ours.group_of(self.pid, &self.name);
        Stat { id, name: self.name, parent: if is_parent { self.parent } else { 0 }, group }
    }
}

/// Every process but the one with the number 0, which can't be opened.
fn entries() -> Vec<Entry> {
    let Ok(snapshot) = snapshot(TH32CS_SNAPPROCESS) else { return Vec::new() };
    let mut entries = Vec::new();
    // SAFETY: the structure consists of numbers, for which zeros are valid.
    let mut entry: PROCESSENTRY32W = unsafe { MaybeUninit::zeroed().assume_init() };
    entry.dwSize = u32::try_from(size_of::<PROCESSENTRY32W>()).unwrap_or(0);
    // SAFETY: the snapshot is open, and the structure says how large it is.
    let mut answer = unsafe { Process32FirstW(snapshot.as_raw_handle(), &raw mut entry) };
    while answer != 0 {
        let name = entry.szExeFile.split(|unit| *unit == 0).next().unwrap_or_default();
        let numbers =
            (i32::try_from(entry.th32ProcessID), i32::try_from(entry.th32ParentProcessID));
        if let (Ok(pid @ 1..), Ok(parent)) = numbers {
            entries.push(Entry { pid, parent, name: String::from_utf16_lossy(name) });
        }
        // SAFETY: the same.
        answer = unsafe { Process32NextW(snapshot.as_raw_handle(), &raw mut entry) };
    }
    entries
}

/// What the system has of a kind at this moment.
pub(super) fn snapshot(kind: u32) -> io::Result<OwnedHandle> {
    // SAFETY: the call takes two numbers. Its answer is a new handle, or the one that means an error.
    let made = unsafe { HandleOrInvalid::from_raw_handle(CreateToolhelp32Snapshot(kind, 0)) };
    OwnedHandle::try_from(made).map_err(|_| io::Error::last_os_error())
}

/// When a process started; `None` if there is none. The inner `None` is a process that this user may not open.
#[expect(clippy::option_option, reason = "a process that can't be opened runs")]
fn start_of(pid: i32) -> Option<Option<u64>> {
    let rights = PROCESS_QUERY_LIMITED_INFORMATION | PROCESS_SYNCHRONIZE;
    let process = match open_process(pid, rights) {
        Ok(process) => process,
        Err(error) => return (error.kind() == io::ErrorKind::PermissionDenied).then_some(None),
    };
    // A process has its number as long as another one holds a handle of it.
    if wait(&[process.as_handle()], Patience::None).is_some() {
        return None;
    }
    let nothing = FILETIME { dwLowDateTime: 0, dwHighDateTime: 0 };
    let (mut start, mut other) = (nothing, [nothing; 3]);
    let [exit, kernel, user] = &mut other;
    // SAFETY: the process is open, and the four places are valid for the call.
    let answer =
        unsafe { GetProcessTimes(process.as_raw_handle(), &raw mut start, exit, kernel, user) };
    let time = u64::from(start.dwHighDateTime) << 32 | u64::from(start.dwLowDateTime);
    Some((answer != 0).then_some(time))
}

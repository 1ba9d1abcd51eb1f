//! Handles of processes and events.

use std::io;
use std::os::windows::io::{AsRawHandle as _, BorrowedHandle, FromRawHandle as _, OwnedHandle};

use windows_sys::Win32::Foundation::{HANDLE, WAIT_OBJECT_0};
use windows_sys::Win32::System::Threading::{INFINITE, OpenProcess, WaitForMultipleObjects};

/// Owns the handle that a call of the system has just made, or says why it made none.
pub(super) fn made(handle: HANDLE) -> io::Result<OwnedHandle> {
    if handle.is_null() {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the caller got the handle from the system and gives it away.
    Ok(unsafe { OwnedHandle::from_raw_handle(handle) })
}

/// Turns the answer of a call into an error if it is 0.
pub(super) fn done(answer: i32) -> io::Result<()> {
    if answer == 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// Opens a process for what `rights` names.
pub(super) fn open_process(pid: i32, rights: u32) -> io::Result<OwnedHandle> {
    let pid = u32::try_from(pid).map_err(|_| io::ErrorKind::InvalidInput)?;
    // SAFETY: the call takes three numbers.
    made(unsafe { OpenProcess(rights, 0, pid) })
}

/// How long to wait for a handle.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Patience {
    None,
    Endless,
}

/// Waits until one of the handles is signalled: a process has ended, or an event was set. Returns which one.
pub(super) fn wait(handles: &[BorrowedHandle<'_>], patience: Patience) -> Option<usize> {
    let raw: Vec<HANDLE> = handles.iter().map(BorrowedHandle::as_raw_handle).collect();
    let count = u32::try_from(raw.len()).ok()?;
    let time = match patience {
        Patience::None => 0,
        Patience::Endless => INFINITE,
    };
    // SAFETY: the handles are open for the call, and there are `count` of them.
    let answer = unsafe { WaitForMultipleObjects(count, raw.as_ptr(), 0, time) };
    let index = usize::try_from(answer.checked_sub(WAIT_OBJECT_0)?).ok()?;
    (index < raw.len()).then_some(index)
}

//! Waits for a child, and asks what it used.

use std::io;
use std::mem::MaybeUninit;
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Child, ExitStatus};

use nix::errno::Errno;
use nix::libc::{self, c_int, rusage, timeval};
use sisyphus_tasks::usage::Usage;

use crate::identity::pid_of;

/// In which unit the system counts resident memory, in bytes.
const MEMORY_UNIT: u64 = if cfg!(target_vendor = "apple") { 1 } else { 1024 };

/// How the child exited, and what it used with all that it waited for; `None` as long as it runs. Unlike the figures for
/// all children, these leave out what this process itself has started besides. `child` does not learn that it is gone:
/// nothing may wait for it again.
pub fn try_wait(child: &mut Child) -> io::Result<Option<(ExitStatus, Option<Usage>)>> {
    let mut status: c_int = 0;
    let mut usage = MaybeUninit::<rusage>::zeroed();
    loop {
        // SAFETY: both pointers are valid for the call, which writes nothing else.
        let reaped = unsafe {
            libc::wait4(pid_of(child), &raw mut status, libc::WNOHANG, usage.as_mut_ptr())
        };
        match reaped {
            0 => return Ok(None),
            -1 if Errno::last() == Errno::EINTR => {}
            -1 => return Err(io::Error::last_os_error()),
            _ => break,
        }
    }
    // SAFETY: a structure of integers, for which zeros are valid, and the system has filled it in.
    let usage = unsafe { usage.assume_init() };
    Ok(Some((ExitStatus::from_raw(status), Some(figures(&usage)))))
}

fn figures(usage: &rusage) -> Usage {
    Usage {
        cpu_ms: micros(usage.ru_utime).saturating_add(micros(usage.ru_stime)) / 1_000,
        largest_process_bytes: part(usage.ru_maxrss).saturating_mul(MEMORY_UNIT),
    }
}

fn micros(time: timeval) -> u64 {
    part(time.tv_sec).saturating_mul(1_000_000).saturating_add(part(time.tv_usec))
}

/// The types of these fields differ between systems.
fn part<T>(count: T) -> u64
where
    u64: TryFrom<T>,
{
    u64::try_from(count).unwrap_or_default()
}

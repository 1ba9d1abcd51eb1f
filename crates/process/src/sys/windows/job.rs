//! The job of the command that this process supervises: the command and all that it starts. The system ends them all at
//! once when it is asked to, and also when this process dies, because the last handle of the job is closed then.

use std::io;
use std::mem::{MaybeUninit, size_of};
use std::os::windows::io::{AsRawHandle as _, OwnedHandle};
use std::os::windows::process::CommandExt as _;
use std::process::{Child, Command};
use std::ptr::{null, null_mut};
use std::sync::OnceLock;

use windows_sys::Win32::System::Diagnostics::ToolHelp::{
    TH32CS_SNAPTHREAD, THREADENTRY32, Thread32First, Thread32Next,
};
use windows_sys::Win32::System::JobObjects::{
    AssignProcessToJobObject, CreateJobObjectW, JOB_OBJECT_LIMIT_BREAKAWAY_OK,
    JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE, JOBOBJECT_EXTENDED_LIMIT_INFORMATION,
    JobObjectBasicProcessIdList, JobObjectExtendedLimitInformation, QueryInformationJobObject,
    SetInformationJobObject, TerminateJobObject,
};
use windows_sys::Win32::System::Threading::{
    CREATE_SUSPENDED, OpenThread, ResumeThread, THREAD_SUSPEND_RESUME,
};

use super::child::keep_streams;
use super::handle::{done, made};
use super::processes::snapshot;
use super::signals::notice_end;
use crate::identity::pid_of;

/// How many members of a job are listed.
const LISTED: usize = 1_000;
/// The system starts it for each console, and ends it with the last program there.
const CONSOLE_HOST: &str = "conhost.exe";

/// A job, and the number of the command.
struct Job {
    handle: OwnedHandle,
    leader: i32,
}

/// A runner supervises one command, and never closes its job.
static JOB: OnceLock<Job> = OnceLock::new();

/// Starts a command in a job. It starts suspended and enters the job before anything of it runs, so no process of it stays
/// outside. If this process dies before that, the command stays suspended and never runs.
///
/// This process could also enter the job itself and pass it on. But then it could not end the job, and to end the others
/// one by one gives them the time to start more.
pub(super) fn spawn(command: &mut Command, flags: u32) -> io::Result<Child> {
    if JOB.get().is_some() {
        return Err(io::Error::other("this process has started a command already"));
    }
    let handle = made_job()?;
    // The command gets copies of the streams that it is to have, and nothing else that it starts keeps one open.
    keep_streams();
    let mut child = command.creation_flags(flags | CREATE_SUSPENDED).spawn()?;
    let leader = pid_of(&child);
    // SAFETY: both handles are open.
    let entered =
        done(unsafe { AssignProcessToJobObject(handle.as_raw_handle(), child.as_raw_handle()) });
    let started = entered.and_then(|()| notice_end(&child)).and_then(|()| {
        // Before it runs: it may be asked to end at once.
        let _ = JOB.set(Job { handle, leader });
        resume_threads(child.id())
    });
    if let Err(error) = started {
        let _ = child.kill();
        let _ = child.wait();
        return Err(error);
    }
    Ok(child)
}

/// A job without members.
fn made_job() -> io::Result<OwnedHandle> {
    // SAFETY: without attributes no child inherits the handle, and without a name no other process finds it.
    let handle = made(unsafe { CreateJobObjectW(null(), null()) })?;
    limit(&handle, JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE)?;
    Ok(handle)
}

/// Sets what holds for the members. Each may start a program that leaves the job, as a daemon leaves its process group.
fn limit(job: &OwnedHandle, flags: u32) -> io::Result<()> {
    // SAFETY: the structure consists of numbers, for which zeros are valid.
    let mut limits: JOBOBJECT_EXTENDED_LIMIT_INFORMATION =
        unsafe { MaybeUninit::zeroed().assume_init() };
    limits.BasicLimitInformation.LimitFlags = flags | JOB_OBJECT_LIMIT_BREAKAWAY_OK;
    let size = u32::try_from(size_of_val(&limits)).unwrap_or(0);
    // SAFETY: the job is open, and the structure is the one of this kind of information.
    done(unsafe {
        SetInformationJobObject(
            job.as_raw_handle(),
            JobObjectExtendedLimitInformation,
            (&raw const limits).cast(),
            size,
        )
    })
}

/// Lets a suspended process run. The standard library keeps no handle of its first thread, so this finds its threads.
fn resume_threads(pid: u32) -> io::Result<()> {
    let snapshot = snapshot(TH32CS_SNAPTHREAD)?;
    // SAFETY: the structure consists of numbers, for which zeros are valid.
    let mut entry: THREADENTRY32 = unsafe { MaybeUninit::zeroed().assume_init() };
    entry.dwSize = u32::try_from(size_of::<THREADENTRY32>()).unwrap_or(0);
    // SAFETY: the snapshot is open, and the structure says how large it is.
    let mut answer = unsafe { Thread32First(snapshot.as_raw_handle(), &raw mut entry) };
    let mut resumed = Err(io::Error::other("the command has no thread"));
    while answer != 0 {
        if entry.th32OwnerProcessID == pid {
            resumed = Ok(resume_thread(entry.th32ThreadID)?);
        }
        // SAFETY: the same.
        answer = unsafe { Thread32Next(snapshot.as_raw_handle(), &raw mut entry) };
    }
    resumed
}

fn resume_thread(id: u32) -> io::Result<()> {
    // SAFETY: the call takes three numbers.
    let thread = made(unsafe { OpenThread(THREAD_SUSPEND_RESUME, 0, id) })?;
    // SAFETY: the thread is open.
    match unsafe { ResumeThread(thread.as_raw_handle()) } {
        u32::MAX => Err(io::Error::last_os_error()),
        _ => Ok(()),
    }
}

/// Whether this process is the command that this one has started in a job.
pub(super) fn is_led_by(pid: i32) -> bool {
    JOB.get().is_some_and(|job| job.leader == pid)
}

/// Ends the command and all that it has started. Its exit code is the one that a shell shows for this signal.
pub(super) fn end(signal: i32) {
    let Some(job) = JOB.get() else { return };
    let code = u32::try_from(128 + signal).unwrap_or(1);
    // SAFETY: the job is open. It may have no member any more, which is no error.
    unsafe { TerminateJobObject(job.handle.as_raw_handle(), code) };
}

/// Lets what the command has left running outlive this process.
pub(super) fn let_go() {
    if let Some(job) = JOB.get() {
        // If that fails it ends with this process.
        let _ = limit(&job.handle, 0);
    }
}

/// The processes of the job.
pub(super) struct Members {
    leader: i32,
    pids: Vec<i32>,
}

impl Members {
    /// The number of the command if this process belongs to it, else 0.
    pub(super) fn group_of(&self, pid: i32, name: &str) -> i32 {
        if self.pids.contains(&pid) && name != CONSOLE_HOST { self.leader } else { 0 }
    }
}

/// Whether the command of that number, or what it has started, still runs.
pub(crate) fn group_exists(group: i32) -> bool {
    let members = members();
    members.leader == group && !members.pids.is_empty()
}

pub(super) fn members() -> Members {
    let Some(job) = JOB.get() else { return Members { leader: 0, pids: Vec::new() } };
    // Two numbers of 32 bits, how many there are and how many follow, and then those, in words.
    let mut list = vec![0_usize; 1 + LISTED];
    let size = u32::try_from(size_of_val(list.as_slice())).unwrap_or(0);
    // SAFETY: the job is open, and the list has as many bytes as the call reads. A list that is too short is filled.
    unsafe {
        QueryInformationJobObject(
            job.handle.as_raw_handle(),
            JobObjectBasicProcessIdList,
            list.as_mut_ptr().cast(),
            size,
            null_mut(),
        );
    }
    // No process has the number 0.
    let pids = list[1..].iter().filter(|pid| **pid != 0);
    Members { leader: job.leader, pids: pids.filter_map(|pid| i32::try_from(*pid).ok()).collect() }
}

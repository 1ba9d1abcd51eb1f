//! What a process hears from others. Windows has no signals: a process that collects them has two events with names, one by
//! which others ask it to end and one that wakes it. The console reports its keys to a function.

use std::io;
use std::os::windows::io::{AsHandle as _, AsRawHandle as _, OwnedHandle};
use std::process::Child;
use std::ptr::null;
use std::sync::OnceLock;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, TryRecvError, channel};
use std::thread;
use std::time::Instant;

use anyhow::{Context as _, Result};
use windows_sys::Win32::Foundation::{ERROR_ALREADY_EXISTS, GetLastError};
use windows_sys::Win32::System::Console::{CTRL_BREAK_EVENT, CTRL_C_EVENT, SetConsoleCtrlHandler};
use windows_sys::Win32::System::Threading::{
    CreateEventW, EVENT_MODIFY_STATE, OpenEventW, PROCESS_TERMINATE, SetEvent, TerminateProcess,
};

use super::super::{Notice, Sender as SentBy};
use super::folders::Folders;
use super::handle::{Patience, done, made, open_process, wait};
use super::job;
use crate::identity::ProcessId;
use crate::tree::{SIGKILL, SIGTERM};

/// The signals of Unix that mean the same.
const SIGHUP: i32 = 1;
const SIGINT: i32 = 2;
const SIGQUIT: i32 = 3;

/// Stack of a thread that only waits, in bytes.
const STACK: usize = 64 * 1024;

/// What one process may want from another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wish {
    End,
    Wake,
}

const WISHES: [Wish; 2] = [Wish::End, Wish::Wake];

impl Wish {
    /// The name of the event. It is the same in each session of the user, as over a remote desktop.
    fn event(self, of: ProcessId) -> Vec<u16> {
        let wish = match self {
            Self::End => "end",
            Self::Wake => "wake",
        };
        let name = format!("Global\\sisyphus-{}-{}-{wish}\0", of.pid, of.start.unwrap_or(0));
        name.encode_utf16().collect()
    }

    fn notice(self) -> Notice {
        match self {
            Self::End => Notice::Signal { number: SIGTERM, sender: SentBy::Other },
            Self::Wake => Notice::Woken,
        }
    }
}

/// Where the threads of this process leave what they have heard.
static BELL: OnceLock<Sender<Notice>> = OnceLock::new();

fn send(notice: Notice) {
    if let Some(bell) = BELL.get() {
        let _ = bell.send(notice);
    }
}

/// Ends a [`wait`](Signals::wait) of this process from another thread.
pub(crate) fn wake() {
    send(Notice::Woken);
}

/// What this process hears from now on, in the order of its arrival.
#[derive(Debug)]
pub struct Signals {
    notices: Receiver<Notice>,
}

impl Signals {
    /// Begins to collect keys of the console and wishes of other processes. Call it once per process.
    pub fn collect() -> Result<Self> {
        let context = || "could not set up what others may ask of this process";
        let (bell, notices) = channel();
        let own = ProcessId::own();
        let events = WISHES.map(|wish| made_event(&wish.event(own)));
        let [end, wake] = events;
        let events = [end.with_context(context)?, wake.with_context(context)?];
        anyhow::ensure!(BELL.set(bell).is_ok(), "{}: it was done before", context());
        let listen = move || {
            while let Some(index) =
                wait(&events.each_ref().map(|it| it.as_handle()), Patience::Endless)
            {
                send(WISHES[index].notice());
            }
        };
        thread::Builder::new().stack_size(STACK).spawn(listen).with_context(context)?;
        outlive_console();
        Ok(Self { notices })
    }

    /// A signal that has arrived and was not read yet. Skips what only wakes or reports a child.
    pub fn pending(&mut self) -> Result<Option<i32>> {
        loop {
            match self.notices.try_recv() {
                Ok(Notice::Signal { number, .. }) => return Ok(Some(number)),
                Ok(Notice::Child | Notice::Deadline | Notice::Woken) => {}
                Err(TryRecvError::Empty) => return Ok(None),
                Err(error @ TryRecvError::Disconnected) => {
                    return Err(error).context("could not check for signals");
                }
            }
        }
    }

    /// Waits for the next signal, or until the deadline.
    pub fn wait(&mut self, deadline: Option<Instant>) -> Result<Notice> {
        self.wait_beside(None, deadline)
    }

    /// Waits for the next signal, or until the deadline. No folder can be watched.
    pub fn wait_beside(
        &mut self,
        _: Option<&Folders>,
        deadline: Option<Instant>,
    ) -> Result<Notice> {
        let context = || "could not wait for signals";
        let Some(deadline) = deadline else { return self.notices.recv().with_context(context) };
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Ok(Notice::Deadline);
        }
        match self.notices.recv_timeout(left) {
            Ok(notice) => Ok(notice),
            Err(RecvTimeoutError::Timeout) => Ok(Notice::Deadline),
            Err(error @ RecvTimeoutError::Disconnected) => Err(error).with_context(context),
        }
    }
}

/// An event that goes back by itself when a thread has seen it. If another user has taken the name, the event has none: no
/// process can set it, and a request to stop then ends the command without its runner.
fn made_event(name: &[u16]) -> io::Result<OwnedHandle> {
    // SAFETY: the name ends with 0 and lives as long as the call. No child inherits the handle.
    let event = made(unsafe { CreateEventW(null(), 0, 0, name.as_ptr()) });
    // SAFETY: the call takes nothing.
    let is_new = event.is_ok() && unsafe { GetLastError() } != ERROR_ALREADY_EXISTS;
    if is_new {
        return event;
    }
    // SAFETY: the same, without a name.
    made(unsafe { CreateEventW(null(), 0, 0, null()) })
}

/// Reports the end of a child.
pub(super) fn notice_end(child: &Child) -> io::Result<()> {
    let process = child.as_handle().try_clone_to_owned()?;
    let look = move || {
        wait(&[process.as_handle()], Patience::Endless);
        send(Notice::Child);
    };
    thread::Builder::new().stack_size(STACK).spawn(look).map(drop)
}

/// Keeps the keys of the console from ending this process: its command gets them too, and this process records how the
/// command ends. Unlike a process that ignores them, it passes that on to no child.
pub(super) fn outlive_console() {
    // SAFETY: the function takes no lock that this process may hold at its start, and stays where it is. Without a console
    // there is nothing to hear.
    unsafe { SetConsoleCtrlHandler(Some(hear), 1) };
}

/// Runs in a thread of its own for each key.
extern "system" fn hear(event: u32) -> i32 {
    let signal = |number| send(Notice::Signal { number, sender: SentBy::Outside });
    match event {
        CTRL_C_EVENT => signal(SIGINT),
        CTRL_BREAK_EVENT => signal(SIGQUIT),
        // The window was closed, or the user leaves. The system ends this process when this function returns.
        _ => {
            signal(SIGHUP);
            loop {
                thread::park();
            }
        }
    }
    1
}

/// Sends a signal to one process. It is no error if the process is gone. Only KILL ends a process that does not collect
/// signals. The command that this process has started can't be asked, so each signal ends it.
pub(crate) fn signal(pid: i32, number: i32) {
    match number {
        _ if job::is_led_by(pid) => job::end(number),
        SIGTERM => tell(pid, Wish::End),
        SIGKILL => {
            if let Ok(process) = open_process(pid, PROCESS_TERMINATE) {
                let code = u32::try_from(128 + SIGKILL).unwrap_or(1);
                // SAFETY: the process is open.
                unsafe { TerminateProcess(process.as_raw_handle(), code) };
            }
        }
        _ => {}
    }
}

/// Sends a signal to the command that this process has started, and to all that it has started.
pub fn signal_group(group: i32, number: i32) {
    if job::is_led_by(group) {
        job::end(number);
    }
}

/// Sends a signal to this process.
pub fn signal_self(number: i32) {
    signal(ProcessId::own().pid, number);
}

/// Ends a wait of this process.
pub(crate) fn ring(pid: i32) {
    tell(pid, Wish::Wake);
}

/// Makes a runner look at its run folder again.
pub(crate) fn wake_runner(pid: i32) {
    tell(pid, Wish::Wake);
}

/// Does nothing: Windows suspends no process as a terminal does.
pub(crate) fn resume(_: i32) {}

fn tell(pid: i32, wish: Wish) {
    let Some(process) = ProcessId::now(pid) else { return };
    let name = wish.event(process);
    // SAFETY: the name ends with 0 and lives as long as the call.
    let event = made(unsafe { OpenEventW(EVENT_MODIFY_STATE, 0, name.as_ptr()) });
    if let Ok(event) = event {
        // SAFETY: the event is open.
        let _ = done(unsafe { SetEvent(event.as_raw_handle()) });
    }
}

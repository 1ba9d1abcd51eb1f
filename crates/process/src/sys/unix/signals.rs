//! Waits for signals and a deadline at once, with one thread: the handler writes into a pipe that `poll` waits for.

use std::fs::File;
use std::io::{self, Read as _};
use std::os::fd::{AsFd as _, IntoRawFd as _};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};
use std::time::Instant;

use anyhow::{Context as _, Result};
use nix::libc::{c_int, c_void, siginfo_t};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, sigaction, signal};

use super::super::{Notice, Sender};
use super::system::{Folders, is_key, pipe};

/// The signals that the runner forwards to the command.
const FORWARDED: [Signal; 4] = [Signal::SIGTERM, Signal::SIGINT, Signal::SIGHUP, Signal::SIGQUIT];

/// The signals that mean what a program makes of them. The runner hands them on to the command. One that does not expect
/// them ends.
const MESSAGES: [Signal; 3] = [Signal::SIGUSR1, Signal::SIGUSR2, Signal::SIGALRM];

/// The signal that makes a runner look at its run folder again. A process that does not know it ignores it.
pub(super) const WAKING: Signal = Signal::SIGURG;

/// The writing end, for the handler.
static WRITE_END: AtomicI32 = AtomicI32::new(-1);

/// The signals that were blocked when this process started.
static BLOCKED: OnceLock<SigSet> = OnceLock::new();

/// Whether this process ignores SIGXFSZ, and did not when it started.
static SURVIVES: AtomicBool = AtomicBool::new(false);

/// Makes a write beyond `ulimit -f` fail with an error. By default such a write ends the process, but the user's limit
/// is meant for the command. A command that this process starts or becomes gets the default again.
pub fn survive_file_size_limit() {
    // SAFETY: to ignore a signal runs no code.
    let before = unsafe { signal(Signal::SIGXFSZ, SigHandler::SigIgn) };
    SURVIVES.store(matches!(before, Ok(SigHandler::SigDfl)), Ordering::SeqCst);
}

/// Runs just before the command is executed, because an `exec` keeps ignored signals ignored and blocked ones blocked.
pub(super) fn restore_signals() -> io::Result<()> {
    if SURVIVES.load(Ordering::SeqCst) {
        // SAFETY: the default runs no code of ours.
        unsafe { signal(Signal::SIGXFSZ, SigHandler::SigDfl) }?;
    }
    if let Some(blocked) = BLOCKED.get() {
        blocked.thread_set_mask()?;
    }
    Ok(())
}

/// Whether a signal means what a running program makes of it. To a command that waits it is a request to stop.
pub fn is_message(number: i32) -> bool {
    MESSAGES.iter().any(|message| *message as i32 == number)
}

/// Ends a [`wait`](Signals::wait) of this process from another thread.
pub(crate) fn wake() {
    write_message(0, 0);
}

/// The signals that this process receives from now on, in the order of their arrival.
#[derive(Debug)]
pub struct Signals {
    read_end: File,
    parent: i32,
}

impl Signals {
    /// Begins to collect TERM, INT, HUP, QUIT, USR1, USR2, ALRM, CHLD and URG instead of acting on them, also if this
    /// process was started with some of them blocked. Call it once per process.
    pub fn collect() -> Result<Self> {
        let context = || "could not set up signal handling";
        let (read_end, write_end) = pipe().with_context(context)?;
        WRITE_END.store(write_end.into_raw_fd(), Ordering::SeqCst);
        let flags = SaFlags::SA_SIGINFO | SaFlags::SA_RESTART | SaFlags::SA_NOCLDSTOP;
        let action = SigAction::new(SigHandler::SigAction(note), flags, SigSet::empty());
        let for_command = FORWARDED.into_iter().chain(MESSAGES);
        let mut collected = SigSet::empty();
        for signal in for_command.clone().chain([Signal::SIGCHLD, WAKING]) {
            collected.add(signal);
            // SAFETY: `note` calls only write(2), which is async-signal-safe.
            let before = unsafe { sigaction(signal, &action) }.with_context(context)?;
            // The signal was ignored, as under `nohup`. The command ignores it too, so there is nothing to forward.
            let is_ignored = matches!(before.handler(), SigHandler::SigIgn);
            if is_ignored && for_command.clone().any(|it| it == signal) {
                // SAFETY: to ignore a signal runs no code.
                unsafe { sigaction(signal, &before) }.with_context(context)?;
            }
        }
        let _ = BLOCKED.set(SigSet::thread_get_mask().with_context(context)?);
        collected.thread_unblock().with_context(context)?;
        // Read now: after Claude Code's death the parent would be another process.
        let parent = nix::unistd::getppid().as_raw();
        Ok(Self { read_end: File::from(read_end), parent })
    }

    /// A signal that has arrived and was not read yet. Skips messages that only wake or report a child.
    pub fn pending(&mut self) -> Result<Option<i32>> {
        loop {
            let mut fds = [PollFd::new(self.read_end.as_fd(), PollFlags::POLLIN)];
            match poll(&mut fds, PollTimeout::ZERO) {
                Ok(0) => return Ok(None),
                Err(nix::errno::Errno::EINTR) => continue,
                Ok(_) => {}
                Err(error) => return Err(error).context("could not check for signals"),
            }
            // A message is there, so this does not wait.
            if let Notice::Signal { number, .. } = self.wait(None)? {
                return Ok(Some(number));
            }
        }
    }

    /// Waits for the next signal, or until the deadline.
    pub fn wait(&mut self, deadline: Option<Instant>) -> Result<Notice> {
        self.wait_beside(None, deadline)
    }

    /// Waits for the next signal or a change of these folders, or until the deadline.
    pub fn wait_beside(
        &mut self,
        folders: Option<&Folders>,
        deadline: Option<Instant>,
    ) -> Result<Notice> {
        loop {
            let timeout = match deadline {
                None => PollTimeout::NONE,
                Some(deadline) => {
                    let left = deadline.saturating_duration_since(Instant::now());
                    if left.is_zero() {
                        return Ok(Notice::Deadline);
                    }
                    // Rounded up, so that the last fraction of a millisecond is slept and not spun. A wait longer than
                    // `poll` allows is split.
                    let millis = i32::try_from(left.as_millis() + 1).unwrap_or(i32::MAX);
                    PollTimeout::try_from(millis).unwrap_or(PollTimeout::MAX)
                }
            };
            let mut awaited = vec![PollFd::new(self.read_end.as_fd(), PollFlags::POLLIN)];
            if let Some(folders) = folders {
                folders.add_to(&mut awaited);
            }
            match poll(&mut awaited, timeout) {
                Ok(0) | Err(nix::errno::Errno::EINTR) => continue,
                Ok(_) => {}
                Err(error) => return Err(error).context("could not wait for signals"),
            }
            if awaited[0].any() == Some(false)
                && let Some(folders) = folders
            {
                if folders.take() {
                    return Ok(Notice::Woken);
                }
                continue;
            }
            let mut message = [0; 8];
            self.read_end.read_exact(&mut message).context("could not read a signal")?;
            let [number, sender] = [&message[..4], &message[4..]]
                .map(|half| half.try_into().map_or(0, i32::from_ne_bytes));
            if number == Signal::SIGCHLD as i32 {
                return Ok(Notice::Child);
            }
            if number == 0 || number == WAKING as i32 {
                return Ok(Notice::Woken);
            }
            let sender = match sender {
                _ if is_key(number) => Sender::Outside,
                // At a hangup the kernel signals the leader of the session alone.
                0 if number == Signal::SIGHUP as i32 && leads_session() => Sender::Other,
                0 => Sender::Outside,
                sender if sender == self.parent => Sender::Parent,
                _ => Sender::Other,
            };
            return Ok(Notice::Signal { number, sender });
        }
    }
}

fn leads_session() -> bool {
    nix::unistd::getsid(None) == Ok(nix::unistd::getpid())
}

/// The handler: writes number and sender.
extern "C" fn note(number: c_int, info: *mut siginfo_t, _: *mut c_void) {
    // SAFETY: with SA_SIGINFO the kernel passes a valid siginfo.
    let sender = if info.is_null() { 0 } else { unsafe { (*info).si_pid() } };
    let saved = nix::errno::Errno::last_raw();
    write_message(number, sender);
    nix::errno::Errno::set_raw(saved);
}

/// One write, which a pipe accepts whole. A full pipe (8,000 unread messages) loses one message.
fn write_message(number: c_int, sender: i32) {
    let mut message = [0_u8; 8];
    message[..4].copy_from_slice(&number.to_ne_bytes());
    message[4..].copy_from_slice(&sender.to_ne_bytes());
    // SAFETY: writing 8 bytes of a live array to a descriptor.
    unsafe {
        nix::libc::write(WRITE_END.load(Ordering::SeqCst), message.as_ptr().cast(), message.len())
    };
}

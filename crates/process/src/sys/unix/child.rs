//! Starting the command, becoming it, and ending as it did.

use std::io;
use std::os::fd::BorrowedFd;
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};

use anyhow::{Context as _, Result};
use nix::fcntl::{FcntlArg, FdFlag, fcntl};
use nix::libc;
use nix::sys::resource::{Resource, setrlimit};
use nix::sys::signal::Signal;
use sisyphus_tasks::run::Exit;

use super::super::Plan;
use super::signals::restore_file_size_signal;

/// The command, which leads a process group of its own.
#[derive(Debug)]
pub struct CommandChild {
    child: Child,
}

/// Starts the command with this process's stdin, stdout, stderr and working directory, in a group of its own.
pub fn spawn(plan: &Plan) -> Result<CommandChild> {
    let mut command = command(plan);
    lead(&mut command);
    die_with_parent(&mut command);
    let child =
        command.spawn().with_context(|| format!("could not start `{}`", plan.program.display()))?;
    Ok(CommandChild { child })
}

/// Has the command lead what this process leads in the place of the client's shell: its session too, where that is so.
/// Stop signals for a group whose parent is in another group of the same session would stop the command; without us the
/// kernel discards them.
fn lead(command: &mut Command) {
    let this = nix::unistd::getpid();
    if nix::unistd::getsid(None) != Ok(this) {
        command.process_group(0);
        return;
    }
    let begin_session = || nix::unistd::setsid().map(drop).map_err(io::Error::from);
    // SAFETY: between fork and exec only this one system call is made; it allocates nothing and takes no lock.
    unsafe { command.pre_exec(begin_session) };
}

/// Starts a program that nobody waits for, with one more variable: in a session of its own, with nothing open that
/// somebody waits to be closed, and in no folder that somebody may want to remove.
pub fn spawn_detached(program: &Path, name: &str, value: &Path) -> io::Result<Child> {
    let mut command = Command::new(program);
    command.env(name, value);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).current_dir("/");
    let leave = || {
        let_go_of_inherited();
        nix::unistd::setsid().map(|_| ()).map_err(io::Error::from)
    };
    // SAFETY: between fork and exec only system calls are made; they allocate nothing and take no lock.
    unsafe { command.pre_exec(leave) };
    command.spawn()
}

/// Has the program that this process becomes get no open files but the first three: who started the client may have left
/// it a lock or a pipe, and wait for that to be let go of. Shells put theirs as high as 255.
fn let_go_of_inherited() {
    for number in 3..=255 {
        // SAFETY: it is only asked to be closed later; of a number that is not open it is an error and no more.
        let file = unsafe { BorrowedFd::borrow_raw(number) };
        let _ = fcntl(file, FcntlArg::F_SETFD(FdFlag::FD_CLOEXEC));
    }
}

/// Becomes the command; returns only if that fails.
pub fn exec(plan: &Plan) -> anyhow::Error {
    let error = command(plan).exec();
    anyhow::Error::new(error).context(format!("could not execute `{}`", plan.program.display()))
}

fn command(plan: &Plan) -> Command {
    let mut command = Command::new(&plan.program);
    command.arg0(&plan.arg0).args(&plan.args);
    // SAFETY: between fork and exec only a system call is made; it allocates nothing and takes no lock.
    unsafe { command.pre_exec(restore_file_size_signal) };
    for (name, value) in &plan.environment {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    command
}

/// The number of the process that started this one, or of who took its place.
pub fn parent() -> i32 {
    nix::unistd::getppid().as_raw()
}

/// Has this process sent TERM when its [`parent`] dies, however that happens. Only Linux can do that; elsewhere it is an
/// error. So it is if the parent is another one by now.
#[cfg(target_os = "linux")]
pub fn end_with_parent(expected: i32) -> Result<()> {
    nix::sys::prctl::set_pdeathsig(Signal::SIGTERM)
        .context("could not ask to end with the parent")?;
    anyhow::ensure!(parent() == expected, "the parent is gone");
    Ok(())
}

#[cfg(not(target_os = "linux"))]
pub fn end_with_parent(_: i32) -> Result<()> {
    anyhow::bail!("this system tells nobody that its parent died")
}

/// Who kills the process that stands where the client started a shell means the shell: with SIGKILL, which can't be
/// forwarded, the kernel does it for us.
#[cfg(target_os = "linux")]
fn die_with_parent(command: &mut Command) {
    let set = || nix::sys::prctl::set_pdeathsig(Signal::SIGKILL).map_err(io::Error::from);
    // SAFETY: between fork and exec only this one system call is made; it allocates nothing and takes no lock.
    unsafe { command.pre_exec(set) };
}

#[cfg(not(target_os = "linux"))]
fn die_with_parent(_: &mut Command) {}

impl CommandChild {
    /// The number of the command's process, which is also that of its group.
    pub fn pid(&self) -> i32 {
        i32::try_from(self.child.id()).unwrap_or(i32::MAX)
    }

    /// How it ended, if it has.
    pub fn try_wait(&mut self) -> io::Result<Option<Exit>> {
        Ok(self.child.try_wait()?.map(exit_of))
    }
}

fn exit_of(status: ExitStatus) -> Exit {
    match (status.code(), status.signal()) {
        (Some(code), _) => Exit::Code(code),
        (None, Some(signal)) => Exit::Signal(signal),
        (None, None) => Exit::Unseen,
    }
}

/// Ends this process the way the command ended: with its code, or by its signal, so that the client sees what it would
/// have seen. Returns the exit code to end with if the signal did not.
pub fn exit_as(exit: Exit) -> u8 {
    match exit {
        // Exit codes of processes are 0 to 255.
        Exit::Code(code) => u8::try_from(code & 0xff).unwrap_or(1),
        // In some way it has to end, and this is no success.
        Exit::Unseen | Exit::NotStarted => 1,
        Exit::Signal(number) => {
            // The command has left its core file, if the user wants any.
            let _ = setrlimit(Resource::RLIMIT_CORE, 0, 0);
            die_by(number);
            // A shell's way to say it.
            u8::try_from(128 + number).unwrap_or(255)
        }
    }
}

/// Sends this process a signal with nothing in its way; returns if it ends no process. By number, because real-time
/// signals have no names.
fn die_by(number: i32) {
    let mut set = std::mem::MaybeUninit::uninit();
    // SAFETY: the set is initialized before it is used, and the default action runs no code of ours.
    unsafe {
        libc::signal(number, libc::SIG_DFL);
        libc::sigemptyset(set.as_mut_ptr());
        libc::sigaddset(set.as_mut_ptr(), number);
        libc::pthread_sigmask(libc::SIG_UNBLOCK, set.as_ptr(), std::ptr::null_mut());
        libc::kill(libc::getpid(), number);
    }
}

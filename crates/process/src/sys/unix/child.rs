//! Starts the command, becomes it, and exits as it did.

use std::io;
use std::os::fd::BorrowedFd;
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};

use anyhow::{Context as _, Result};
use nix::fcntl::{FcntlArg, FdFlag, fcntl};
use nix::libc;
use nix::sys::resource::{Resource, setrlimit};
use sisyphus_tasks::run::Exit;

use super::super::{Plan, Stage};
use super::signals::restore_signals;
use super::system::{MemoryGroup, die_with_parent, enter};

/// Starts the command with this process's stdin, stdout, stderr and working directory, in a process group of its own, and in
/// this control group if it can enter.
pub fn spawn(plan: &Plan, group: Option<&mut MemoryGroup>) -> Result<Child> {
    let mut command = command(plan);
    enter(&mut command, group);
    lead(&mut command);
    die_with_parent(&mut command);
    command.spawn().with_context(|| format!("could not start `{}`", plan.program.display()))
}

/// Starts a person's command on this stage, in this control group if it can enter. It dies with this process.
pub fn spawn_on(stage: Stage, plan: &Plan, group: Option<&mut MemoryGroup>) -> io::Result<Child> {
    let mut command = command(plan);
    enter(&mut command, group);
    if let Stage::Background { folder, output } = stage {
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        if let Some(output) = output {
            command.stdout(output.try_clone()?).stderr(output);
        }
        command.current_dir(folder).process_group(0);
    }
    die_with_parent(&mut command);
    command.spawn()
}

/// Makes the command the leader of its process group. If this process leads a session in place of Claude Code's shell,
/// the command leads its own session too. If its parent were in another group of the same session, stop signals would
/// stop the command. Without this plugin the kernel discards them.
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

/// Starts a program that no process waits for, with one more variable. It runs in a session of its own. It holds
/// nothing open that another process waits to see closed, and it is in no folder that a user may want to remove.
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

/// Starts this command in a session of its own, as a child of the system's first process. The process that starts it gets
/// the reading end of its standard output. It outlives everything that the caller belongs to.
pub(crate) fn orphan(command: &mut Command) -> io::Result<ChildStdout> {
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).current_dir("/");
    let leave = || {
        let_go_of_inherited();
        nix::unistd::setsid().map_err(io::Error::from)?;
        // SAFETY: this process has one thread, because it is forked. The parent ends at once and runs nothing of ours.
        match unsafe { nix::unistd::fork() }? {
            // SAFETY: ends this process without running anything.
            nix::unistd::ForkResult::Parent { .. } => unsafe { libc::_exit(0) },
            nix::unistd::ForkResult::Child => Ok(()),
        }
    };
    // SAFETY: between fork and exec only system calls are made; they allocate nothing and take no lock.
    unsafe { command.pre_exec(leave) };
    let mut between = command.spawn()?;
    let output = between.stdout.take();
    between.wait()?;
    output.ok_or_else(|| io::Error::other("there is no pipe"))
}

/// Starts this command in a session of its own. It keeps none of this process's open files.
pub(crate) fn apart(command: &mut Command) -> io::Result<Child> {
    let leave = || {
        let_go_of_inherited();
        nix::unistd::setsid().map(drop).map_err(io::Error::from)
    };
    // SAFETY: between fork and exec only system calls are made; they allocate nothing and take no lock.
    unsafe { command.pre_exec(leave) };
    command.spawn()
}

/// Starts this command in a group of its own, and has it die with this process.
pub fn spawn_bound(command: &mut Command) -> io::Result<Child> {
    command.process_group(0);
    die_with_parent(command);
    command.spawn()
}

/// Closes all open files but the first three when this process executes a program. The process that started Claude Code
/// may have passed a lock or a pipe on to it, and wait until it is released. Shells open files of their own at numbers
/// up to 255.
fn let_go_of_inherited() {
    for number in 3..=255 {
        // SAFETY: this only marks the descriptor to be closed later. If the number is not open, the call fails and does
        // nothing.
        let file = unsafe { BorrowedFd::borrow_raw(number) };
        let _ = fcntl(file, FcntlArg::F_SETFD(FdFlag::FD_CLOEXEC));
    }
}

/// Becomes the command. Returns only if that fails.
pub fn exec(plan: &Plan) -> anyhow::Error {
    let error = command(plan).exec();
    anyhow::Error::new(error).context(format!("could not execute `{}`", plan.program.display()))
}

fn command(plan: &Plan) -> Command {
    let mut command = Command::new(&plan.program);
    command.arg0(&plan.arg0).args(&plan.args);
    // SAFETY: between fork and exec only system calls are made; they allocate nothing and take no lock.
    unsafe { command.pre_exec(restore_signals) };
    for (name, value) in &plan.environment {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    command
}

/// The number of the process that started this one, or of the process that adopted this one.
pub fn parent() -> i32 {
    nix::unistd::getppid().as_raw()
}

/// Whether [`end_with_parent`] is possible.
pub fn can_end_with_parent() -> bool {
    true
}

/// How a process exited.
pub fn exit_of(status: ExitStatus) -> Exit {
    match (status.code(), status.signal()) {
        (Some(code), _) => Exit::Code(code),
        (None, Some(signal)) => Exit::Signal(signal),
        (None, None) => Exit::Unseen,
    }
}

/// Ends this process the way the command ended: with its code, or by its signal. So Claude Code sees what it would have
/// seen without this plugin. Returns the exit code to use if the signal did not end this process.
pub fn exit_as(exit: Exit) -> u8 {
    match exit {
        // Exit codes of processes are 0 to 255.
        Exit::Code(code) => u8::try_from(code & 0xff).unwrap_or(1),
        // This process has to exit in some way, and this is no success.
        Exit::Unseen | Exit::NotStarted => 1,
        Exit::Signal(number) => {
            // The command has left its core file, if the user wants one.
            let _ = setrlimit(Resource::RLIMIT_CORE, 0, 0);
            die_by(number);
            // A shell reports a signal as 128 and its number.
            u8::try_from(128 + number).unwrap_or(255)
        }
    }
}

/// Resets a signal to its default action, unblocks it and sends it to this process. Returns if the signal does not end
/// a process. It takes a number, because real-time signals have no names.
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

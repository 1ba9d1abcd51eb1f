//! Starts commands and programs, and exits as a command did.

use std::io;
use std::os::windows::io::{AsRawHandle as _, RawHandle};
use std::os::windows::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};

use sisyphus_base::sys::default_tmp_dir;
use sisyphus_tasks::run::Exit;
use sisyphus_tasks::usage::Usage;
use windows_sys::Win32::Foundation::{
    HANDLE_FLAG_INHERIT, STATUS_CONTROL_C_EXIT, SetHandleInformation,
};
use windows_sys::Win32::System::Threading::{CREATE_BREAKAWAY_FROM_JOB, CREATE_NO_WINDOW};

use super::super::no_memory_group::MemoryGroup;
use super::super::{Plan, Stage};
use super::{job, signals};

/// The signal that Ctrl-C is on Unix.
const SIGINT: i32 = 2;

/// Starts a person's command on this stage, in a job. It dies with this process.
pub fn spawn_on(stage: Stage, plan: &Plan, _: Option<&mut MemoryGroup>) -> io::Result<Child> {
    let mut command = match &stage {
        Stage::Terminal => command(plan, &plan.program),
        // The system would look in the folder of this process.
        Stage::Background { folder, .. } if is_relative(&plan.program) => {
            command(plan, &folder.join(&plan.program))
        }
        Stage::Background { .. } => command(plan, &plan.program),
    };
    let flags = match stage {
        Stage::Terminal => 0,
        Stage::Background { folder, output } => {
            command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
            if let Some(output) = output {
                command.stdout(output.try_clone()?).stderr(output);
            }
            command.current_dir(folder);
            CREATE_NO_WINDOW
        }
    };
    job::spawn(&mut command, flags)
}

/// Starts this command in a job. It dies with this process.
pub fn spawn_bound(command: &mut Command) -> io::Result<Child> {
    job::spawn(command, CREATE_NO_WINDOW)
}

/// Starts a program that no process waits for, with one more variable and without a window.
pub fn spawn_detached(program: &Path, name: &str, value: &Path) -> io::Result<Child> {
    let mut command = Command::new(program);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).env(name, value);
    keep_streams();
    command.creation_flags(CREATE_NO_WINDOW).spawn()
}

/// Starts this command without a window, and outside of the job that this process belongs to if that job allows it. The
/// process that starts it gets the reading end of its standard output.
pub(crate) fn orphan(command: &mut Command) -> io::Result<ChildStdout> {
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    command.current_dir(default_tmp_dir());
    keep_streams();
    // Without a window it has a console of its own. A process group of its own would keep Ctrl-C from all that it starts.
    let outside = CREATE_NO_WINDOW | CREATE_BREAKAWAY_FROM_JOB;
    let started = match command.creation_flags(outside).spawn() {
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            command.creation_flags(CREATE_NO_WINDOW).spawn()
        }
        other => other,
    };
    started?.stdout.take().ok_or_else(|| io::Error::other("there is no pipe"))
}

/// Starts this command without a window.
pub(crate) fn apart(command: &mut Command) -> io::Result<Child> {
    keep_streams();
    command.creation_flags(CREATE_NO_WINDOW).spawn()
}

/// Keeps the standard streams of this process from what it starts next. The process that reads them waits until the last
/// copy is closed. What is started with a stream of this process still gets a copy.
pub(super) fn keep_streams() {
    #[expect(clippy::disallowed_methods, reason = "nothing is printed")]
    let streams: [RawHandle; 3] =
        [io::stdin().as_raw_handle(), io::stdout().as_raw_handle(), io::stderr().as_raw_handle()];
    for stream in streams {
        // SAFETY: this changes who inherits the handle. If there is no such stream, the call fails and does nothing.
        unsafe { SetHandleInformation(stream, HANDLE_FLAG_INHERIT, 0) };
    }
}

/// Runs the command in place of this process: it dies with this process, which exits as it exits. Returns only if it can't
/// be started.
pub fn exec(plan: &Plan) -> anyhow::Error {
    signals::outlive_console();
    match job::spawn(&mut command(plan, &plan.program), 0) {
        Ok(mut child) => {
            let code = child.wait().ok().and_then(|status| status.code());
            job::let_go();
            exit(code.unwrap_or(1))
        }
        Err(error) => anyhow::Error::new(error)
            .context(format!("could not execute `{}`", plan.program.display())),
    }
}

/// Whether a path begins in the current folder. A name alone is looked up.
fn is_relative(program: &Path) -> bool {
    program.is_relative() && program.components().count() > 1
}

fn command(plan: &Plan, program: &Path) -> Command {
    let mut command = Command::new(program);
    command.args(&plan.args);
    // Only a PATH that is set here comes before the folders of the system, where other programs are called `find` and `sort`.
    #[expect(clippy::disallowed_methods, reason = "it is passed on as it is")]
    let path = std::env::var_os("PATH");
    if let Some(path) = path {
        command.env("PATH", path);
    }
    for (name, value) in &plan.environment {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    command
}

/// How the child exited; `None` as long as it runs. From then on what it has left running may outlive this process.
/// Windows counts what it used otherwise.
pub fn try_wait(child: &mut Child) -> io::Result<Option<(ExitStatus, Option<Usage>)>> {
    let ended = child.try_wait()?;
    if ended.is_some() {
        job::let_go();
    }
    Ok(ended.map(|status| (status, None)))
}

/// How a process exited. A program that does not handle Ctrl-C ends with a number of its own for that.
pub fn exit_of(status: ExitStatus) -> Exit {
    match status.code() {
        Some(STATUS_CONTROL_C_EXIT) => Exit::Signal(SIGINT),
        Some(code) => Exit::Code(code),
        None => Exit::Unseen,
    }
}

/// Ends this process the way the command ended. Returns the exit code to use; a code that does not fit into a byte ends
/// this process at once.
pub fn exit_as(exit: Exit) -> u8 {
    match exit {
        Exit::Code(code) => u8::try_from(code).unwrap_or_else(|_| self::exit(code)),
        // As a shell reports it.
        Exit::Signal(number) => u8::try_from(128 + number).unwrap_or(255),
        Exit::Unseen | Exit::NotStarted => 1,
    }
}

#[expect(clippy::exit, reason = "an exit code of Windows has 32 bits, and that of `main` has 8")]
fn exit(code: i32) -> ! {
    std::process::exit(code)
}

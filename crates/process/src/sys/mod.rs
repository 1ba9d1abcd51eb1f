//! What differs between systems. Each side has the same functions.

use crate::identity::ProcessId;

#[cfg(not(target_os = "linux"))]
mod no_memory_group;

#[cfg(unix)]
mod unix;
#[cfg(unix)]
pub use unix::*;

/// Two processes of one machine.
#[cfg(unix)]
pub type Connection = std::os::unix::net::UnixStream;
/// There are none.
#[cfg(windows)]
pub type Connection = std::fs::File;

#[cfg(windows)]
mod windows;
#[cfg(windows)]
pub use windows::*;

/// What the system knows about one process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Stat {
    pub(crate) id: ProcessId,
    /// The program's name, as far as the system keeps it: foreign text.
    pub(crate) name: String,
    pub(crate) parent: i32,
    pub(crate) group: i32,
}

/// How a command is started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    pub program: std::path::PathBuf,
    /// What the program sees as its own name.
    pub arg0: std::ffi::OsString,
    pub args: Vec<std::ffi::OsString>,
    /// Variables to set, or to remove if the value is `None`.
    pub environment: Vec<(std::ffi::OsString, Option<std::ffi::OsString>)>,
}

/// The shell that started this process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    pub program: std::path::PathBuf,
    pub args: Vec<std::ffi::OsString>,
    /// The variables that it was started with, before it changed any; `None` if the system does not provide them.
    pub environment: Option<Vec<(std::ffi::OsString, std::ffi::OsString)>>,
    /// The files behind its descriptors, standard output first.
    pub files: Vec<std::path::PathBuf>,
}

/// Something that a supervisor waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Notice {
    /// The child may have exited.
    Child,
    /// This process received a signal.
    Signal { number: i32, sender: Sender },
    /// The deadline has passed.
    Deadline,
    /// Another thread of this process woke it, or a watched folder has changed.
    Woken,
}

/// Which changes of a watched folder end a wait.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Changes {
    /// A file was made, renamed or removed.
    Names,
    /// The file of this name was, or was written.
    Of(std::ffi::OsString),
}

/// The sender of a signal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sender {
    /// The terminal, or a process outside of the namespace of this one, which is Claude Code.
    Outside,
    /// The parent of this process: Claude Code, or a person's shell.
    Parent,
    Other,
}

/// Where a person's command runs.
#[derive(Debug)]
pub enum Stage {
    /// In this process's terminal and process group: the terminal sends its signals to both.
    Terminal,
    /// In a process group of its own, without input. Its output may go nowhere.
    Background { folder: std::path::PathBuf, output: Option<std::fs::File> },
}

/// Which process this is after a split, with its end of the connection to the other one.
#[derive(Debug)]
pub enum Side {
    /// It stays in its place.
    StandIn(Connection),
    /// It has left the process tree.
    Apart(Connection),
}

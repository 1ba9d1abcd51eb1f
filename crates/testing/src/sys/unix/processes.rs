//! What the kernel says about processes: tests must not trust the code under test for that.

use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// A process that can't be mistaken for a later one with the same number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Process {
    pub pid: i32,
    start: u64,
}

/// The fields of `/proc/PID/stat` that tests read, see `proc_pid_stat(5)`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stat {
    /// `R`, `S`, `T` for stopped, …
    pub state: char,
    pub parent: i32,
    pub group: i32,
    pub session: i32,
    start: u64,
}

/// A Claude Code process that ran in our process namespace and is gone, as state files name it.
pub fn gone_client() -> serde_json::Value {
    let namespace = std::fs::metadata("/proc/self/ns/pid").expect("our namespace").ino();
    // A higher number than the kernel assigns.
    serde_json::json!({ "pid": i32::MAX, "start": 1, "namespace": namespace })
}

impl Process {
    /// The process with this number; `None` if there is none, or only a zombie.
    pub fn of(pid: i32) -> Option<Self> {
        let stat = stat(pid)?;
        (!matches!(stat.state, 'Z' | 'X')).then_some(Self { pid, start: stat.start })
    }

    /// The child with this number, which was not waited for yet: it may have exited.
    pub fn of_child(pid: i32) -> Option<Self> {
        stat(pid).map(|stat| Self { pid, start: stat.start })
    }

    /// When it started, in the kernel's count.
    pub fn start(self) -> u64 {
        self.start
    }

    /// Whether this very process still runs.
    pub fn is_alive(self) -> bool {
        Self::of(self.pid) == Some(self)
    }

    pub fn stat(self) -> Option<Stat> {
        stat(self.pid).filter(|stat| stat.start == self.start)
    }

    /// Sends a signal, with this test as its sender.
    pub fn signal(self, signal: Signal) {
        if self.is_alive() {
            let _ = kill(Pid::from_raw(self.pid), signal);
        }
    }

    /// Its living children.
    pub fn children(self) -> Vec<Self> {
        let is_child = |process: &Self| process.stat().is_some_and(|stat| stat.parent == self.pid);
        all().into_iter().filter(is_child).collect()
    }

    /// The line of `/proc/PID/status` that begins with `key`, without it.
    pub fn status_line(self, key: &str) -> Option<String> {
        let text = std::fs::read_to_string(format!("/proc/{}/status", self.pid)).ok()?;
        let line = text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(':'))?;
        Some(line.trim().to_owned())
    }

    /// The file that it executes.
    pub fn program(self) -> Option<std::path::PathBuf> {
        std::fs::read_link(format!("/proc/{}/exe", self.pid)).ok()
    }
}

/// Every process.
pub fn all() -> Vec<Process> {
    let entries = std::fs::read_dir("/proc").expect("/proc: these tests need it");
    let pids = entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    pids.filter_map(Process::of).collect()
}

/// Every process that was started with this `HOME`, whatever its parent is now.
pub fn all_of_home(home: &Path) -> Vec<Process> {
    let variable = [b"HOME=", home.as_os_str().as_bytes()].concat();
    let is_of_home = |process: &Process| {
        let environment = std::fs::read(format!("/proc/{}/environ", process.pid));
        environment.is_ok_and(|bytes| bytes.split(|&byte| byte == 0).any(|it| it == variable))
    };
    all().into_iter().filter(is_of_home).collect()
}

/// Kills every process that was started with this `HOME`, which are those that a test has started.
pub fn kill_all_of_home(home: &Path) {
    // Continues until there is none twice in a row. A killed process may just have started another one, or its death
    // may start one. In the middle of an `exec` a process shows no environment.
    let mut quiet = 0;
    for _ in 0..200 {
        let left = all_of_home(home);
        quiet = if left.is_empty() { quiet + 1 } else { 0 };
        if quiet == 2 {
            return;
        }
        for process in left {
            process.signal(Signal::SIGKILL);
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn stat(pid: i32) -> Option<Stat> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name in parentheses may hold anything.
    let (_, fields) = text.rsplit_once(')')?;
    let fields: Vec<&str> = fields.split_ascii_whitespace().collect();
    Some(Stat {
        state: fields.first()?.chars().next()?,
        parent: fields.get(1)?.parse().ok()?,
        group: fields.get(2)?.parse().ok()?,
        session: fields.get(3)?.parse().ok()?,
        start: fields.get(19)?.parse().ok()?,
    })
}

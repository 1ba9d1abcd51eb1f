//! Linux and macOS.

use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::Command;

use nix::sys::signal::{Signal, kill, killpg};
use nix::sys::stat::Mode;
use nix::unistd::{Pid, Uid, getpgid, mkfifo};

pub fn is_root() -> bool {
    Uid::effective().is_root()
}

pub fn user_id() -> u32 {
    Uid::effective().as_raw()
}

/// Makes the child the leader of a process group of its own.
pub fn own_group(command: &mut Command) {
    command.process_group(0);
}

/// Asks the group to end.
pub fn terminate_group(leader: u32) {
    // It may be gone already, which is fine.
    let _ = killpg(process(leader), Signal::SIGTERM);
}

pub fn kill_group(leader: u32) {
    let _ = killpg(process(leader), Signal::SIGKILL);
}

pub fn is_in_group(id: u32, leader: u32) -> bool {
    getpgid(Some(process(id))) == Ok(process(leader))
}

pub fn kill_process(id: u32) {
    let _ = kill(process(id), Signal::SIGKILL);
}

/// Whether the process runs. A zombie does not run; it only waits for its parent.
pub fn is_alive(id: u32) -> bool {
    if kill(process(id), None).is_err() {
        return false;
    }
    let stat = fs::read_to_string(format!("/proc/{id}/stat")).unwrap_or_default();
    // The name is in parentheses and may hold any character; the state follows the last parenthesis.
    !stat.rsplit_once(')').is_some_and(|(_, rest)| rest.trim_start().starts_with('Z'))
}

/// Every process whose environment was started with `variable` (`NAME=value`), also detached ones.
pub fn started_with(variable: &str) -> Vec<u32> {
    if Path::new("/proc/self/environ").exists() { from_proc(variable) } else { from_ps(variable) }
}

fn from_proc(variable: &str) -> Vec<u32> {
    let Ok(entries) = fs::read_dir("/proc") else { return Vec::new() };
    let ids = entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    ids.filter(|id: &u32| {
        let environment = fs::read(format!("/proc/{id}/environ")).unwrap_or_default();
        environment.split(|byte| *byte == 0).any(|entry| entry == variable.as_bytes())
    })
    .collect()
}

fn from_ps(variable: &str) -> Vec<u32> {
    let Ok(output) = Command::new("ps").args(["axeww", "-o", "pid=,command="]).output() else {
        return Vec::new();
    };
    let listing = String::from_utf8_lossy(&output.stdout).into_owned();
    let has_variable = |line: &&str| line.split_whitespace().any(|word| word == variable);
    listing
        .lines()
        .filter(has_variable)
        .filter_map(|line| line.split_whitespace().next()?.parse().ok())
        .collect()
}

pub fn make_executable(file: &Path) -> io::Result<()> {
    fs::set_permissions(file, Permissions::from_mode(0o755))
}

/// Makes a pipe with a place among the files, for this user alone.
pub fn make_pipe(path: &Path) -> io::Result<()> {
    Ok(mkfifo(path, Mode::S_IRWXU)?)
}

fn process(id: u32) -> Pid {
    // Every id fits by the definition of `pid_t`; 0 would mean our own group.
    Pid::from_raw(i32::try_from(id).unwrap_or(i32::MAX))
}

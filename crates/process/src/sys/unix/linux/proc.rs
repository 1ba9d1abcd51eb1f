//! The process table: `/proc`.
//!
//! In Claude Code's sandbox a command runs in a process namespace inside the one that `/proc` shows: the numbers there
//! are not those that `kill` and `getpid` use (CC-53). This module returns only our own numbers. It leaves out
//! processes whose number can't be translated, so that no signal reaches the wrong process.

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use super::super::super::Stat;
use crate::identity::ProcessId;

/// The folder of this process's parent. Its number in `/proc` may differ from that of `getppid`.
pub(super) fn parent_dir() -> Option<PathBuf> {
    let own = parse_stat(&text_of(Path::new("/proc/self/stat"))?)?;
    Some(Path::new("/proc").join(own.parent.to_string()))
}

/// The number in `/proc` and the start time of the process behind a folder there.
pub(super) fn number_and_start(dir: &Path) -> Option<(i32, u64)> {
    let stat = parse_stat(&text_of(&dir.join("stat"))?)?;
    Some((stat.id.pid, stat.id.start?))
}

/// What the system knows about a process; `None` if it is gone or a zombie.
pub(crate) fn stat(pid: i32) -> Option<Stat> {
    if shows_our_numbers() {
        return parse_stat(&stat_of(pid)?);
    }
    processes().into_iter().find(|stat| stat.id.pid == pid)
}

/// Every process.
pub(crate) fn processes() -> Vec<Stat> {
    let Ok(entries) = fs::read_dir("/proc") else { return Vec::new() };
    let numbers = entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    let shown: Vec<Stat> = numbers.filter_map(|pid| parse_stat(&stat_of(pid)?)).collect();
    if shows_our_numbers() { shown } else { translate(&shown) }
}

/// The working folder of each process but this one, as far as this user may see it; `None` if the system does not list
/// them.
pub(crate) fn working_folders() -> Option<Vec<PathBuf>> {
    let own = fs::read_link("/proc/self").ok()?;
    let entries = fs::read_dir("/proc").ok()?.filter_map(Result::ok);
    let others = entries.filter(|entry| Path::new(&entry.file_name()) != own);
    Some(others.filter_map(|entry| fs::read_link(entry.path().join("cwd")).ok()).collect())
}

fn stat_of(pid: i32) -> Option<String> {
    text_of(&Path::new("/proc").join(pid.to_string()).join("stat"))
}

/// A file of the kernel as text; the name of a program may hold any bytes.
pub(super) fn text_of(path: &Path) -> Option<String> {
    Some(String::from_utf8_lossy(&bytes_of(path).ok()?).into_owned())
}

/// A file of the kernel, in `/proc` or of a control group.
pub(super) fn bytes_of(path: &Path) -> io::Result<Vec<u8>> {
    // The system does not say how large such a file is. Only of a file without a limit would the standard library ask that,
    // and then read it bit by bit.
    let mut bytes = Vec::with_capacity(4096);
    File::open(path)?.take(u64::MAX).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Whether `/proc` shows the process namespace of this process.
pub(super) fn shows_our_numbers() -> bool {
    let shown =
        fs::read_link("/proc/self").ok().and_then(|link| link.to_str()?.parse::<u32>().ok());
    shown == Some(std::process::id())
}

/// Turns the numbers of an outer namespace into ours. Leaves out processes that are not in ours.
fn translate(shown: &[Stat]) -> Vec<Stat> {
    let depth = numbers(Path::new("/proc/self"), "NSpid:").len();
    let ours = |pid: i32, line: &str| {
        let numbers = numbers(&Path::new("/proc").join(pid.to_string()), line);
        (depth > 0 && numbers.len() >= depth).then(|| numbers[depth - 1])
    };
    shown
        .iter()
        .filter_map(|stat| {
            let pid = ours(stat.id.pid, "NSpid:")?;
            let parent = ours(stat.parent, "NSpid:").unwrap_or(0);
            // The leader may be gone, so the group comes from its member.
            let group = ours(stat.id.pid, "NSpgid:").unwrap_or(0);
            Some(Stat { id: ProcessId { pid, ..stat.id }, parent, group, ..stat.clone() })
        })
        .collect()
}

/// The numbers in a line of a process's status, one for each namespace from that of `/proc` inwards.
fn numbers(dir: &Path, line: &str) -> Vec<i32> {
    let status = text_of(&dir.join("status")).unwrap_or_default();
    let found = status.lines().find_map(|text| text.strip_prefix(line)).unwrap_or_default();
    found.split_ascii_whitespace().filter_map(|number| number.parse().ok()).collect()
}

/// Parses `/proc/PID/stat`, see `proc_pid_stat(5)`. The second field is the name in parentheses and may hold anything.
fn parse_stat(text: &str) -> Option<Stat> {
    let (before, fields) = text.rsplit_once(')')?;
    let (pid, name) = before.split_once('(')?;
    let mut fields = fields.split_ascii_whitespace();
    let state = fields.next()?;
    if matches!(state, "Z" | "X") {
        return None;
    }
    let parent = fields.next()?.parse().ok()?;
    let group = fields.next()?.parse().ok()?;
    // Field 22 of the line: two are before the parenthesis, and three are read.
    let start = fields.nth(16)?.parse().ok()?;
    let id = ProcessId { pid: pid.trim_end().parse().ok()?, start: Some(start) };
    Some(Stat { id, name: name.to_owned(), parent, group })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_may_hold_spaces_and_parentheses() {
        let text = "42 (a) b) (c) S 7 42 42 0 -1 4194304 1 0 0 0 0 0 0 0 20 0 1 0 123456 1 2 3";
        assert_eq!(
            parse_stat(text),
            Some(Stat {
                id: ProcessId { pid: 42, start: Some(123_456) },
                name: "a) b) (c".to_owned(),
                parent: 7,
                group: 42,
            })
        );
        assert_eq!(parse_stat(&text.replace(" S ", " Z ")), None);
        assert_eq!(parse_stat("42 (a"), None);
    }

    #[test]
    fn knows_this_process_and_its_parent() {
        let pid = i32::try_from(std::process::id()).unwrap();
        let own = stat(pid).unwrap();
        assert!(processes().iter().any(|other| other.id.pid == pid));
        assert_eq!(own.parent, nix::unistd::getppid().as_raw());
        assert_eq!(translate(std::slice::from_ref(&own)), [own]);
    }
}

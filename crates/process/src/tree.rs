//! The processes that a command has started.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use sisyphus_tasks::status::Survivors;

use crate::identity::ProcessId;
use crate::sys::{self, Stat};

/// Every living descendant of these processes, found by parent number, including children in sessions of their own. A
/// daemon that gave itself another parent is not among them. Empty if the system does not list processes.
pub fn descendants(pids: &[i32]) -> Vec<ProcessId> {
    let all = sys::processes();
    let mut found: BTreeSet<i32> = BTreeSet::new();
    let mut parents = pids.to_vec();
    while let Some(parent) = parents.pop() {
        for stat in &all {
            if stat.parent == parent && found.insert(stat.id.pid) {
                parents.push(stat.id.pid);
            }
        }
    }
    all.iter().filter(|stat| found.contains(&stat.id.pid)).map(|stat| stat.id).collect()
}

/// How far up to search for an ancestor: no chain of real processes is longer.
const GENERATIONS: usize = 64;

/// What one of our runners supervises.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Supervises {
    Command,
    Session,
}

/// Whether this program is a runner of ours, of whatever version.
pub fn is_runner(program: &Path) -> bool {
    let name = program.file_name().unwrap_or_default();
    name.to_string_lossy().starts_with("sisyphus-run")
}

/// The runners among the ancestors of this process, the nearest first.
pub fn runners_above() -> Vec<Supervises> {
    let verbs = arguments_above(1);
    verbs
        .map(|it| if it == "session" { Supervises::Session } else { Supervises::Command })
        .collect()
}

/// The run folders of the runners above this process that a process of ours started, the nearest first. In their place a
/// runner of Claude Code's own command has no path.
pub fn run_folders_above() -> Vec<PathBuf> {
    arguments_above(2).map(PathBuf::from).collect()
}

/// An argument of each runner above this process; empty if it has fewer.
fn arguments_above(number: usize) -> impl Iterator<Item = OsString> {
    let runners = ancestors().into_iter().filter(|ancestor| is_runner(&ancestor.program));
    runners.map(move |runner| runner.args.into_iter().nth(number).unwrap_or_default())
}

/// A process above this one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ancestor {
    /// The file that it executes.
    pub program: PathBuf,
    /// Its command line.
    pub args: Vec<OsString>,
}

/// The ancestors of this process that can be inspected, the nearest first.
pub fn ancestors() -> Vec<Ancestor> {
    let parent = |pid: &i32| sys::stat(*pid).map(|stat| stat.parent).filter(|parent| *parent > 1);
    let ancestors = std::iter::successors(parent(&ProcessId::own().pid), parent);
    let seen = ancestors.take(GENERATIONS).filter_map(|pid| {
        Some(Ancestor { program: sys::program(pid)?, args: sys::arguments(pid) })
    });
    seen.collect()
}

/// Whether this is no command line: the process can't be read, or has put its name in place of all arguments. The place
/// keeps its length, so the rest is empty (CC-80).
pub fn hides_arguments(args: &[OsString]) -> bool {
    let mut rest = args.iter().skip(1);
    args.is_empty() || (rest.len() > 0 && rest.all(|arg| arg.is_empty()))
}

/// How many other processes of this user work in this folder or below it; `None` if the system does not say.
pub fn working_in(folder: &Path) -> Option<usize> {
    let folders = sys::working_folders()?;
    Some(folders.iter().filter(|it| it.starts_with(folder)).count())
}

/// Every living process of these groups, whichever parent it has now.
pub fn members(groups: &[i32]) -> Vec<ProcessId> {
    let all = sys::processes();
    all.iter().filter(|stat| groups.contains(&stat.group)).map(|stat| stat.id).collect()
}

/// How many names of survivors the record keeps.
const NAMED: usize = 5;
/// How long the processes of a command have to exit after it: a reader at the end of a pipe needs a moment.
const AFTERLIFE: Duration = Duration::from_millis(30);

/// The processes that a command left running when it ended, by its process group. A process that gave itself another
/// group meant to keep running, and is not among them.
pub fn left_behind(group: i32) -> Survivors {
    if !sys::group_exists(group) {
        return Survivors::default();
    }
    #[expect(
        clippy::disallowed_methods,
        reason = "they are not our children: no event reports their exit"
    )]
    std::thread::sleep(AFTERLIFE);
    let processes = sys::processes();
    let members: Vec<&Stat> = processes.iter().filter(|stat| stat.group == group).collect();
    let names = members.iter().take(NAMED).map(|stat| stat.name.clone()).collect();
    Survivors { count: members.len(), names }
}

/// The numbers of these signals, which all systems share.
pub const SIGTERM: i32 = 15;
pub const SIGKILL: i32 = 9;

/// Sends `signal` to each process that still has its number.
pub fn signal_all<'a>(processes: impl IntoIterator<Item = &'a ProcessId>, signal: i32) {
    for process in processes {
        if process.is_alive() {
            sys::signal(process.pid, signal);
        }
    }
}

/// Ends the [`wait`](crate::Signals::wait) of a process that collects its signals. A process that has got its number
/// ignores this.
pub fn ring(process: &ProcessId) {
    if process.is_alive() {
        sys::ring(process.pid);
    }
}

/// The processes that still run.
pub fn alive<'a>(processes: impl IntoIterator<Item = &'a ProcessId>) -> Vec<ProcessId> {
    processes.into_iter().copied().filter(|process| process.is_alive()).collect()
}

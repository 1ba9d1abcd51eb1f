//! A control group of its own for one command, with a limit of memory.

use std::fs::{self, File};
use std::io::{self, PipeReader, PipeWriter, Read as _, Write as _};
use std::os::fd::AsFd as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use nix::fcntl::{FcntlArg, OFlag, fcntl};
use sisyphus_base::id::TaskId;
use sisyphus_tasks::memory_limit::Lack;

use super::cgroup::parent_of_new;

/// How the names of our groups begin.
const PREFIX: &str = "sisyphus-";
/// Another runner may take a new group for one that was left behind, before it is locked.
const TRIES: usize = 3;

/// The group. Until [`limit`](Self::limit) it has no limit.
#[derive(Debug)]
pub struct MemoryGroup {
    folder: PathBuf,
    /// Locked as long as the runner lives, so that no other runner removes the group.
    _alive: File,
    /// What the command needs to enter, until it has started.
    entry: Option<Entry>,
    entered: PipeReader,
}

/// What a child needs to enter the group before it executes its program.
#[derive(Debug)]
struct Entry {
    procs: File,
    entered: PipeWriter,
}

impl Entry {
    /// Moves this process into the group. If that fails it stays where it is. Only makes system calls.
    fn enter(&mut self) {
        if self.procs.write(b"0").is_ok() {
            let _ = self.entered.write(b"1");
        }
    }
}

/// Has the command enter the group before anything of it runs, so that no process of it stays outside.
pub(in super::super) fn enter(command: &mut Command, group: Option<&mut MemoryGroup>) {
    let Some(mut entry) = group.and_then(MemoryGroup::take_entry) else { return };
    let enter = move || {
        entry.enter();
        Ok(())
    };
    // SAFETY: between fork and exec only two system calls are made; they allocate nothing and take no lock.
    unsafe { command.pre_exec(enter) };
}

impl MemoryGroup {
    /// Whether this process can make one. Makes none.
    pub fn is_possible() -> Result<(), Lack> {
        parent_of_new().map(drop)
    }

    /// Makes the group of this task.
    pub fn make(task: &TaskId) -> Result<Self, Lack> {
        let folder = parent_of_new()?.join(format!("{PREFIX}{task}"));
        for _ in 0..TRIES {
            if fs::create_dir(&folder).is_ok()
                && let Some(alive) = lock(&folder)
            {
                let made = Self::within(&folder, alive);
                if made.is_err() {
                    let _ = fs::remove_dir(&folder);
                }
                return made.map_err(refused);
            }
        }
        Err(Lack::Refused)
    }

    fn within(folder: &Path, alive: File) -> io::Result<Self> {
        fs::metadata(folder.join("memory.max"))?;
        let procs = File::options().write(true).open(folder.join("cgroup.procs"))?;
        let (hears, says) = io::pipe()?;
        // A command that did not enter must not make this process wait.
        fcntl(hears.as_fd(), FcntlArg::F_SETFL(OFlag::O_NONBLOCK))?;
        let entry = Some(Entry { procs, entered: says });
        Ok(Self { folder: folder.to_owned(), _alive: alive, entry, entered: hears })
    }

    fn take_entry(&mut self) -> Option<Entry> {
        self.entry.take()
    }

    /// Whether the command that was started in it has entered.
    pub fn is_entered(&mut self) -> bool {
        self.entered.read(&mut [0]).is_ok_and(|count| count == 1)
    }

    /// Limits what its processes have together. With swap the limit would be none.
    pub fn limit(&self, bytes: u64) -> Result<(), Lack> {
        // Not every kernel counts swap.
        let _ = fs::write(self.folder.join("memory.swap.max"), "0");
        fs::write(self.folder.join("memory.max"), bytes.to_string()).map_err(refused)
    }

    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Removes the group unless a process is in it, and those that other runners have left behind.
    pub fn remove(self) {
        let _ = fs::remove_dir(&self.folder);
        let siblings = self.folder.parent().map(fs::read_dir);
        for sibling in siblings.into_iter().flatten().flatten().flatten() {
            let is_ours = sibling.file_name().as_encoded_bytes().starts_with(PREFIX.as_bytes());
            // The lock keeps a runner that has just made it from using it.
            if is_ours && let Some(_left) = lock(&sibling.path()) {
                let _ = fs::remove_dir(sibling.path());
            }
        }
    }
}

fn lock(folder: &Path) -> Option<File> {
    let file = File::open(folder).ok()?;
    file.try_lock().ok().map(|()| file)
}

fn refused(_: io::Error) -> Lack {
    Lack::Refused
}

//! Announcing a call to the shell that is about to run it, and claiming it there.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use serde::{Deserialize, Serialize};

use crate::run_root::RunRoot;
use crate::atomic;
use crate::id::{SessionId, TaskId, Ticket};
use crate::sys;
use crate::task::Kind;

/// Largest announcement, in bytes. A command is one argument of a process, on Linux at most 128 kB; JSON may need six
/// bytes for one.
const MAX_BYTES: u64 = 1024 * 1024;

/// What the runner must know of a call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Announcement {
    pub task: TaskId,
    pub ticket: Ticket,
    #[serde(default)]
    pub kind: Kind,
    pub command: String,
    /// The time limit in milliseconds from the real start.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit_ms: Option<u64>,
}

/// The announced calls of one session.
#[derive(Debug, Clone)]
pub struct Announced {
    root: RunRoot,
    dir: PathBuf,
}

impl Announced {
    pub fn of(root: &RunRoot, session: &SessionId) -> Self {
        Self { root: root.clone(), dir: root.path().join("announced").join(session.as_str()) }
    }

    /// The calls announced in the folder `dir`, which is `RUN/announced/SESSION`; `None` if that is not ours.
    pub fn at(dir: &Path) -> Result<Option<Self>> {
        let root = dir.parent().and_then(Path::parent).context("not a folder of announcements")?;
        let Some(root) = RunRoot::at(root)? else { return Ok(None) };
        // A link there would let a stranger's folder pass for announcements of ours.
        let is_ours = dir.parent().into_iter().chain([dir]).all(|dir| {
            sys::is_private_dir(dir).unwrap_or_else(|error| error.kind() == io::ErrorKind::NotFound)
        });
        anyhow::ensure!(is_ours, "refused `{}`: not a folder of this user alone", dir.display());
        Ok(Some(Self { root, dir: dir.to_owned() }))
    }

    pub fn root(&self) -> &RunRoot {
        &self.root
    }

    /// The folder whose existence tells a shell that something is announced.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    fn path(&self, ticket: Ticket, task: &TaskId) -> PathBuf {
        // Sorted by name is sorted by ticket.
        self.dir.join(format!("{:012}-{task}", ticket.0))
    }

    /// Announces a call.
    pub fn announce(&self, announcement: &Announcement) -> Result<()> {
        let bytes = serde_json::to_vec(announcement)?;
        let path = self.path(announcement.ticket, &announcement.task);
        // Whoever claims the last announcement removes the folder, maybe just now.
        for _ in 0..10 {
            sys::create_private_dir_all(&self.dir)
                .with_context(|| format!("could not create `{}`", self.dir.display()))?;
            match atomic::write(&path, &bytes) {
                Ok(()) => return Ok(()),
                Err(error) if is_not_found(&error) => {}
                Err(error) => return Err(error),
            }
        }
        anyhow::bail!("could not announce in `{}`: the folder keeps vanishing", self.dir.display())
    }

    /// Claims the earliest announcement that `fits`; `None` if none does. Of several claimers each gets another one.
    pub fn claim(&self, fits: impl Fn(&Announcement) -> bool) -> Result<Option<Announcement>> {
        for path in self.paths()? {
            // One that vanished was claimed by somebody else; one that does not parse is not ours to judge here.
            let Ok(Some(bytes)) = atomic::read(&path, MAX_BYTES) else { continue };
            let Ok(announcement) = serde_json::from_slice::<Announcement>(&bytes) else { continue };
            if !fits(&announcement) {
                continue;
            }
            let folder = self.root.folder(&announcement.task);
            if !folder.is_ours() {
                continue;
            }
            match fs::rename(&path, folder.claimed()) {
                Ok(()) => {
                    self.remove_dir_if_empty();
                    return Ok(Some(announcement));
                }
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => {
                    return Err(error)
                        .with_context(|| format!("could not claim `{}`", path.display()));
                }
            }
        }
        Ok(None)
    }

    /// Gives up a claim that can't be followed: the call then counts as one that nobody claimed.
    pub fn give_up(&self, task: &TaskId) {
        let _ = fs::remove_file(self.root.folder(task).claimed());
    }

    /// Takes an announcement back. Whether it was still there: if not, somebody has claimed it.
    pub fn retract(&self, ticket: Ticket, task: &TaskId) -> bool {
        let retracted = fs::remove_file(self.path(ticket, task)).is_ok();
        self.remove_dir_if_empty();
        retracted
    }

    /// Whether a call is announced and not claimed.
    pub fn holds(&self, ticket: Ticket, task: &TaskId) -> bool {
        self.path(ticket, task).exists()
    }

    fn paths(&self) -> Result<Vec<PathBuf>> {
        let entries = match fs::read_dir(&self.dir) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => {
                return Err(error)
                    .with_context(|| format!("could not list `{}`", self.dir.display()));
            }
        };
        let mut paths: Vec<PathBuf> = entries
            .filter_map(|entry| Some(entry.ok()?.path()))
            .filter(|path| path.extension().is_none())
            .collect();
        paths.sort();
        Ok(paths)
    }

    fn remove_dir_if_empty(&self) {
        // Fails while something is left in it, which is what we want.
        let _ = fs::remove_dir(&self.dir);
    }
}

fn is_not_found(error: &anyhow::Error) -> bool {
    error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::NotFound)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::environment::Environment;
    use sisyphus_testing::TempDir;

    fn announced(dir: &TempDir) -> Announced {
        let environment =
            Environment { claude_tmpdir: Some(dir.path().to_owned()), ..Environment::default() };
        Announced::of(&RunRoot::create(&environment).unwrap(), &SessionId::new("s1").unwrap())
    }

    fn announce(announced: &Announced, number: u64, command: &str) {
        let task = TaskId::new(format!("t{number}")).unwrap();
        announced.root().folder(&task).create().unwrap();
        announced
            .announce(&Announcement {
                task,
                ticket: Ticket(number),
                kind: Kind::Command,
                command: command.to_owned(),
                limit_ms: None,
            })
            .unwrap();
    }

    #[test]
    fn two_identical_commands_are_claimed_once_each_in_order() {
        let dir = TempDir::new();
        let announced = announced(&dir);
        announce(&announced, 2, "npm test");
        announce(&announced, 10, "npm test");
        announce(&announced, 1, "other");
        let claim = || {
            announced.claim(|it| it.command == "npm test").unwrap().map(|it| it.task.to_string())
        };
        assert_eq!(
            [claim(), claim(), claim()],
            [Some("t2".to_owned()), Some("t10".to_owned()), None]
        );
    }

    #[test]
    fn the_folder_stands_only_while_something_is_announced() {
        let dir = TempDir::new();
        let announced = announced(&dir);
        assert!(!announced.dir().exists());
        announce(&announced, 1, "a");
        announce(&announced, 2, "b");
        assert!(announced.claim(|it| it.command == "a").unwrap().is_some());
        assert!(announced.dir().exists());
        assert!(announced.retract(Ticket(2), &TaskId::new("t2").unwrap()));
        assert!(!announced.dir().exists());
        assert!(!announced.retract(Ticket(2), &TaskId::new("t2").unwrap()));
    }

    #[test]
    fn junk_among_the_announcements_is_passed_over() {
        let dir = TempDir::new();
        let announced = announced(&dir);
        announce(&announced, 5, "a");
        fs::write(announced.dir().join("000000000001-junk"), "{").unwrap();
        fs::create_dir(announced.dir().join("000000000002-dir")).unwrap();
        assert!(announced.claim(|_| true).unwrap().is_some());
    }

    #[test]
    fn claimers_at_once_never_share() {
        let dir = TempDir::new();
        let announced = announced(&dir);
        (0..40).for_each(|number| announce(&announced, number, "same"));
        let claimed = std::sync::Mutex::new(Vec::new());
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    while let Some(found) = announced.claim(|_| true).unwrap() {
                        claimed.lock().unwrap().push(found.task.to_string());
                    }
                });
            }
        });
        let mut claimed = claimed.into_inner().unwrap();
        claimed.sort();
        claimed.dedup();
        assert_eq!(claimed.len(), 40);
    }
}

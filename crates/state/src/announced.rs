//! `announced/SESSION/CALL.json`: calls that a hook saw before they ran, one file each. Hooks create and remove them
//! without a lock. Any number of shells may read them; reading consumes nothing.
//!
//! Claude Code may answer a call and name its run before the shell is up. Then `announced/SESSION/CLIENT_ID.run`
//! replaces the announcement until the runner attaches, so that the shell still asks.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use anyhow::{Context as _, Result};
use sisyphus_base::atomic::{self, if_found};
use sisyphus_base::id::{ClientTaskId, SessionId, ToolUseId};
use sisyphus_base::json;
use sisyphus_base::paths::{StateDir, create_dir};
use sisyphus_base::sys;
use sisyphus_tasks::call::Announcement;

/// Largest announcement, in bytes. A command is one argument of a process, on Linux at most 128 kB; JSON may need six
/// bytes for one.
const ANNOUNCEMENT_MAX: u64 = 1024 * 1024;
/// How often the folder may be removed while a hook announces a call.
const TRIES: usize = 10;
/// How long a shell may take from its start to the snippet. The mark of a shell that was killed before stays that long.
const SHELL_START: Duration = Duration::from_secs(30);
/// File extension of the mark of a run that Claude Code has named and no runner has attached to.
const EXPECTED: &str = "run";

/// The announced calls of one session.
#[derive(Debug, Clone)]
pub struct Announced {
    dir: PathBuf,
}

impl Announced {
    pub fn of(state: &StateDir, session: &SessionId) -> Self {
        Self { dir: state.announced_dir().join(session.as_str()) }
    }

    /// The announcements in the folder `dir`.
    pub fn at(dir: &Path) -> Self {
        Self { dir: dir.to_owned() }
    }

    /// The folder. A shell asks only if it exists.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    fn path(&self, call: &ToolUseId) -> PathBuf {
        self.dir.join(format!("{call}.json"))
    }

    /// Announces a call.
    pub fn announce(&self, announcement: &Announcement) -> Result<()> {
        let call = announcement.call.tool_use_id.as_ref();
        let call = call.context("could not announce a call: it has no id")?;
        let bytes = json::line(announcement).context("could not encode a call")?;
        // The process that removes the last announcement removes the folder, possibly at this moment.
        for _ in 0..TRIES {
            create_dir(&self.dir)?;
            match atomic::write(&self.path(call), &bytes) {
                Ok(()) => return Ok(()),
                Err(error) if is_not_found(&error) => {}
                Err(error) => return Err(error),
            }
        }
        anyhow::bail!(
            "could not announce a call in `{}`: removed concurrently {TRIES} times",
            self.dir.display()
        )
    }

    /// The announcement of a call; `None` if it is missing or unreadable.
    pub fn read(&self, call: &ToolUseId) -> Option<Announcement> {
        read(&self.path(call))
    }

    /// Removes an announcement, if there is one.
    pub fn remove(&self, call: &ToolUseId) {
        self.remove_file(&self.path(call));
    }

    fn remove_file(&self, path: &Path) {
        if fs::remove_file(path).is_ok() {
            // This fails while the folder holds others.
            let _ = fs::remove_dir(&self.dir);
        }
    }

    fn expected(&self, run: &ClientTaskId) -> PathBuf {
        self.dir.join(format!("{run}.{EXPECTED}"))
    }

    /// Removes an announcement, if there is one, and marks the run `run` that Claude Code named for it. No runner has
    /// attached, so the shell must still ask.
    pub fn expect(&self, call: &ToolUseId, run: &ClientTaskId) {
        let _ = fs::rename(self.path(call), self.expected(run));
    }

    /// The call that the mark of this run stands for; `None` without a mark.
    pub fn expected_call(&self, run: &ClientTaskId) -> Option<Announcement> {
        read(&self.expected(run))
    }

    /// Removes the mark of `run`: its runner has attached, or never will.
    pub fn forget(&self, run: &ClientTaskId) {
        self.remove_file(&self.expected(run));
    }

    /// Removes marks that have served their purpose: a runner has attached, or the shell should have been up long ago.
    /// Removes files that a killed process left half written.
    pub fn forget_overdue(&self, now: SystemTime, is_attached: impl Fn(&ClientTaskId) -> bool) {
        for entry in fs::read_dir(&self.dir).into_iter().flatten().flatten() {
            let path = entry.path();
            let named = sys::changed_at(&path).ok();
            let age = named.and_then(|at| now.duration_since(at).ok());
            let is_old = age.is_none_or(|age| age > SHELL_START);
            match path.extension().and_then(|it| it.to_str()) {
                Some(EXPECTED) => {
                    let name = path.file_stem().and_then(|stem| stem.to_str());
                    let Some(Ok(run)) = name.map(ClientTaskId::new) else { continue };
                    if is_old || is_attached(&run) {
                        self.forget(&run);
                    }
                }
                Some(atomic::UNFINISHED) if is_old => self.remove_file(&path),
                Some(_) | None => {}
            }
        }
    }

    /// Every announced call, ordered by ticket. Unreadable ones are left out.
    pub fn list(&self) -> Result<Vec<Announcement>> {
        let entries = if_found(fs::read_dir(&self.dir))
            .with_context(|| format!("could not list `{}`", self.dir.display()))?;
        let paths = entries.into_iter().flatten().filter_map(|entry| Some(entry.ok()?.path()));
        let json = paths.filter(|path| path.extension().is_some_and(|it| it == "json"));
        let mut calls: Vec<Announcement> = json.filter_map(|path| read(&path)).collect();
        calls.sort_by_key(|announcement| announcement.ticket);
        Ok(calls)
    }
}

/// The sessions that have announced calls.
pub fn sessions_with_announcements(state: &StateDir) -> Vec<SessionId> {
    let Ok(entries) = fs::read_dir(state.announced_dir()) else { return Vec::new() };
    let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    names.filter_map(|name| SessionId::new(name).ok()).collect()
}

fn read(path: &Path) -> Option<Announcement> {
    atomic::read_json(path, ANNOUNCEMENT_MAX)
}

fn is_not_found(error: &anyhow::Error) -> bool {
    let io = error.downcast_ref::<io::Error>();
    io.is_some_and(|error| error.kind() == io::ErrorKind::NotFound)
}

#[cfg(test)]
mod tests {
    use sisyphus_tasks::call::Call;
    use sisyphus_tasks::task::Kind;
    use sisyphus_testing::TempDir;

    use sisyphus_tasks::survival::Survival;

    use super::*;

    fn announcement(call: &str) -> Announcement {
        let call = Call {
            session: SessionId::new("s1").unwrap(),
            tool_use_id: Some(ToolUseId::new(call).unwrap()),
            agent: None,
            kind: Kind::Command,
            group: None,
            survival: Survival::default(),
            cwd: "/".into(),
            command: "npm test".to_owned(),
            description: String::new(),
            code_zero: None,
            limit_ms: None,
            memory_limit_mb: None,
            client_limit_ms: None,
        };
        Announcement::new(call, chrono::Utc::now())
    }

    /// Calls are listed in the order of their announcement, and the folder is there only while one is announced.
    #[test]
    fn announces_lists_and_takes_back() {
        let dir = TempDir::new();
        let state = StateDir::at(dir.path());
        let announced = Announced::of(&state, &SessionId::new("s1").unwrap());
        let calls = ["toolu_b", "toolu_a"].map(announcement);
        for call in &calls {
            announced.announce(call).unwrap();
        }
        assert_eq!(announced.list().unwrap(), calls);
        fs::write(announced.dir().join("toolu_x.json"), "{").unwrap();
        assert_eq!(announced.list().unwrap().len(), 2);
        fs::remove_file(announced.dir().join("toolu_x.json")).unwrap();
        for call in &calls {
            let id = call.call.tool_use_id.clone().unwrap();
            assert_eq!(announced.read(&id).as_ref(), Some(call));
            assert!(announced.dir().exists());
            announced.remove(&id);
            assert_eq!(announced.read(&id), None);
        }
        assert!(!announced.dir().exists());
    }

    /// The folder makes a shell ask for a runner. It stays for a run that Claude Code named before its shell came up,
    /// and for no longer than such a shell takes to start.
    #[test]
    #[cfg_attr(
        windows,
        ignore = "a rename changes no time on Windows, and no runner attaches there"
    )]
    fn a_named_run_is_expected_until_it_attached() {
        let dir = TempDir::new();
        let announced = Announced::of(&StateDir::at(dir.path()), &SessionId::new("s1").unwrap());
        let [first, second] = ["b1", "b2"].map(|id| ClientTaskId::new(id).unwrap());
        for (call, run) in [("toolu_1", &first), ("toolu_2", &second)] {
            let call = announcement(call);
            announced.announce(&call).unwrap();
            // A permission may take longer than a shell.
            let announced_at = SystemTime::now() - SHELL_START * 2;
            let id = call.call.tool_use_id.as_ref().unwrap();
            let file = fs::File::options().write(true).open(announced.path(id)).unwrap();
            file.set_modified(announced_at).unwrap();
            announced.expect(id, run);
        }
        assert_eq!(announced.list().unwrap(), []);
        announced.forget_overdue(SystemTime::now(), |_| false);
        assert!(announced.expected(&first).exists() && announced.expected(&second).exists());
        announced.forget_overdue(SystemTime::now(), |run| *run == first);
        assert!(!announced.expected(&first).exists() && announced.expected(&second).exists());
        fs::write(announced.dir().join("toolu_3.json.1-0.tmp"), "{").unwrap();
        announced.forget_overdue(SystemTime::now() + SHELL_START * 2, |_| false);
        assert!(!announced.dir().exists());
    }

    /// Two hundred hooks that announce at once all do.
    #[test]
    fn many_announce_at_once() {
        let dir = TempDir::new();
        let state = StateDir::at(dir.path());
        let announced = Announced::of(&state, &SessionId::new("s1").unwrap());
        std::thread::scope(|scope| {
            for number in 0..200 {
                let announced = &announced;
                scope.spawn(move || {
                    announced.announce(&announcement(&format!("toolu_{number}"))).unwrap();
                });
            }
        });
        assert_eq!(announced.list().unwrap().len(), 200);
    }
}

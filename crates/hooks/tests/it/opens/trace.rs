//! Runs a hook below `strace` and reads there what it opened of what is ours.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;
use sisyphus_testing::{Output, TempDir, TestEnv};

use crate::session::Session;
use crate::start::{binary_of, feed};

/// What a hook, with its threads and the processes that it starts, asked the kernel to open of what is ours: everything
/// below the state folder, the run root and the runtime folder. Settings files, Claude Code's files, libraries and
/// `/proc` are not ours.
#[derive(Debug)]
pub(crate) struct Trace {
    /// What was opened, in order: files, folders that were listed, lock files. Each has its name below the state folder,
    /// or an absolute one; `(new)` is a file that is written to take the place of another one.
    pub(crate) opened: Vec<String>,
    /// What could not be opened, as a rule because it is not there. It costs a look, and nothing is read: no figure counts
    /// it.
    pub(crate) missed: Vec<String>,
    pub(crate) output: Output,
}

impl Trace {
    /// Runs the hook of `event`.
    pub(crate) fn of(session: &Session<'_>, event: &Value) -> Self {
        let env = session.env;
        let dir = TempDir::new();
        let name = event["hook_event_name"].as_str().expect("a name");
        let mut strace = env.plain("strace");
        strace.args(["-ff", "-y", "-qq", "-e", "trace=open,openat,openat2", "-e", "signal=none"]);
        strace.arg("-o").arg(dir.path().join("trace"));
        strace.arg(env.command(&binary_of(name)).get_program());
        // As in a terminal, where more is looked at than in a script.
        strace.env("TERM", "xterm-256color").env("CLAUDE_CODE_SESSION_ATTENDED", "1");
        assert!(is_installed(), "`strace` is missing: see CONTRIBUTING.md");
        let output = feed(strace, event.to_string().as_bytes());
        let mut trace = Self { opened: Vec::new(), missed: Vec::new(), output };
        // A file for each thread: so no line is broken by another one's.
        let mut files: Vec<PathBuf> = entries(dir.path());
        files.sort();
        assert!(!files.is_empty(), "`strace` wrote nothing: {trace:?}");
        for file in files {
            for line in fs::read_to_string(file).expect("a trace").lines() {
                trace.read(session, line);
            }
        }
        trace.print(name);
        trace
    }

    #[expect(clippy::print_stderr, reason = "the figures, for people who run the test to see them")]
    fn print(&self, name: &str) {
        let (opened, missed) = (&self.opened, &self.missed);
        eprintln!("{name}: {} opened {opened:?}, {} not {missed:?}", opened.len(), missed.len());
    }

    fn read(&mut self, session: &Session<'_>, line: &str) {
        let Some(path) = path_of(line) else { return };
        let Some(name) = name_of(session, &path) else { return };
        if line.contains(") = -1 ") { &mut self.missed } else { &mut self.opened }.push(name);
    }

    /// How often `active.json` was read, each time to be parsed.
    pub(crate) fn parses(&self) -> usize {
        self.opened.iter().filter(|name| *name == "active.json").count()
    }
}

fn is_installed() -> bool {
    ["/usr/local/bin", "/usr/bin", "/bin"].iter().any(|dir| Path::new(dir).join("strace").exists())
}

fn entries(dir: &Path) -> Vec<PathBuf> {
    fs::read_dir(dir).expect("a folder").map(|it| it.expect("an entry").path()).collect()
}

/// The path of a line such as `openat(AT_FDCWD</cwd>, "/path", O_RDONLY) = 3</path>`.
fn path_of(line: &str) -> Option<PathBuf> {
    let (call, rest) = line.split_once('"')?;
    let (path, _) = rest.split_once('"')?;
    assert!(!path.contains('\\'), "a path that `strace` spells in its own way: {line}");
    let folder = call.split_once('<').and_then(|(_, rest)| rest.split_once('>'));
    Some(folder.map_or_else(PathBuf::new, |(folder, _)| folder.into()).join(path))
}

/// What the file is called here, without what differs from one run to the next; `None` if it is not ours.
fn name_of(session: &Session<'_>, path: &Path) -> Option<String> {
    let env: &TestEnv = session.env;
    let state = env.state();
    let is_ours = [&state, &env.runs(), env.runtime()].iter().any(|place| path.starts_with(place));
    let name = path.strip_prefix(&state).unwrap_or(path).to_str().filter(|_| is_ours)?;
    let name = name.replace(&session.id, "SESSION");
    let (name, mark) = match name.strip_suffix(".tmp").and_then(|name| name.rsplit_once('.')) {
        Some((name, _)) => (name, " (new)"),
        None => (name.as_str(), ""),
    };
    let name = if name.starts_with("inbox/") { "inbox/EVENT" } else { name };
    Some(format!("{name}{mark}"))
}

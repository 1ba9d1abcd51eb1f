//! Which process holds a lock, with real locks and processes.
#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "a test that can't go on should fail loudly")]

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::time::Duration;

use sisyphus_base::lock::{Lock, is_held};
use sisyphus_process::{Holder, PidNamespace, ProcessId, alive, holder, signal_all, started_by};
use sisyphus_testing::{TestEnv, processes, wait_until};

const SIGKILL: i32 = 9;

/// An environment whose processes end with the test, however it ends.
struct Stage {
    env: TestEnv,
}

impl Drop for Stage {
    fn drop(&mut self) {
        processes::kill_all_of_home(&self.env.home());
    }
}

impl Stage {
    fn new() -> Self {
        Self { env: TestEnv::new() }
    }

    fn lock(&self) -> PathBuf {
        self.env.path().join("lock")
    }

    /// Runs a script, with the lock's path in `$LOCK`, up to its first line of output. It reads from the pipe.
    fn bash(&self, script: &str) -> (Child, ChildStdin) {
        let mut command = Command::new("/bin/bash");
        self.env.apply(&mut command);
        let output = self.env.path().join("out.output");
        fs::write(&output, "").unwrap();
        command.args(["-c", script]).env("LOCK", self.lock());
        command.stdin(Stdio::piped()).stdout(File::create(&output).unwrap());
        let mut child = command.spawn().unwrap();
        let stdin = child.stdin.take().unwrap();
        wait_until("the first line", || {
            BufReader::new(File::open(&output).unwrap()).lines().next().is_some()
        });
        (child, stdin)
    }
}

fn process(child: &Child) -> ProcessId {
    ProcessId::now(child.id().cast_signed()).unwrap()
}

fn found(lock: &Path) -> Option<ProcessId> {
    holder(lock).unwrap().map(|holder| holder.process)
}

/// `holder` finds the process that holds the lock, and none that waits for it or looks at it.
#[test]
fn only_the_holder_of_a_lock_is_found() {
    let stage = Stage::new();
    let lock = stage.lock();
    assert_eq!(holder(&lock).unwrap(), None);
    let held = Lock::acquire(&lock, Duration::ZERO).unwrap();
    let (waits, _stdin) = stage.bash("echo; exec flock $LOCK true");
    let program = Path::new("/usr/bin/flock").canonicalize().unwrap();
    wait_until("a process that waits", || {
        let exe = fs::read_link(format!("/proc/{}/exe", waits.id()));
        exe.is_ok_and(|exe| exe == program)
    });
    assert_eq!(found(&lock), Some(ProcessId::own()));

    let link = stage.env.path().join("link");
    symlink(&lock, &link).unwrap();
    assert_eq!(holder(&link).unwrap(), None, "a link is no lock file");
    drop(held);
    wait_until("the end of the process that waited", || found(&lock).is_none());

    let (_looks, _stdin) = stage.bash("exec 9>>$LOCK; flock --shared 9; echo; read");
    assert!(is_held(&stage.env.path().join("other")).is_ok_and(|held| !held));
    assert_eq!(holder(&lock).unwrap(), None);
}

#[test]
fn what_it_executes_and_where_it_writes_is_told() {
    let stage = Stage::new();
    // `flock` starts a program and keeps the lock.
    let (child, _stdin) = stage.bash("exec flock $LOCK sh -c 'echo; read line'");
    let expected = Holder {
        process: process(&child),
        program: Path::new("/usr/bin/flock").canonicalize().unwrap(),
        output: stage.env.path().join("out.output"),
        numbers: PidNamespace::Ours,
    };
    assert_eq!(holder(&stage.lock()).unwrap(), Some(expected));
}

/// `holder` names no process if the one that took the lock is gone, although another keeps the lock.
#[test]
fn a_taker_that_is_gone_is_no_holder() {
    let stage = Stage::new();
    // The `flock` that takes it ends; the shell keeps it.
    let (_child, _stdin) = stage.bash("exec 9>>$LOCK; flock 9; echo; read");
    assert!(is_held(&stage.lock()).unwrap());
    assert_eq!(holder(&stage.lock()).unwrap(), None);
}

#[test]
fn a_file_that_took_the_name_is_another_lock() {
    let stage = Stage::new();
    let lock = stage.lock();
    let _held = Lock::acquire(&lock, Duration::ZERO).unwrap();
    fs::rename(&lock, lock.with_extension("old")).unwrap();
    File::create(&lock).unwrap();
    assert_eq!(holder(&lock).unwrap(), None);
    assert_eq!(found(&lock.with_extension("old")), Some(ProcessId::own()));
}

/// `started_by` also finds a process that left the tree of a child but not its group.
#[test]
fn an_orphan_of_a_childs_group_is_found() {
    let stage = Stage::new();
    let sleep = stage.env.command("fixture-sleep");
    let sleep = sleep.get_program().to_str().unwrap();
    // With `-m` each job leads a group, as the command of a runner does. One is orphaned in it, one in none of ours.
    let script = format!(
        "set -m; bash -c '({sleep} 3600 & echo $! >>pids); (setsid {sleep} 3600 & echo $! >>pids); exec {sleep} 3600' & \
         until [ $(wc -l <pids) = 2 ]; do sleep 0.01; done; echo; read"
    );
    File::create(stage.env.project().join("pids")).unwrap();
    let (mut child, mut stdin) = stage.bash(&script);
    let text = fs::read_to_string(stage.env.project().join("pids")).unwrap();
    let pids: Vec<i32> = text.lines().map(|line| line.parse().unwrap()).collect();
    let [orphan, daemon] = pids.as_slice() else { panic!("{text}") };
    let mut tree = Vec::new();
    wait_until("the orphans to be orphans", || {
        tree = started_by(process(&child));
        processes::Process::of(*orphan)
            .is_some_and(|it| it.stat().is_some_and(|stat| stat.parent != child.id().cast_signed()))
            && tree.len() == 2
    });
    assert!(tree.iter().any(|it| it.pid == *orphan), "{tree:?}");
    assert!(!tree.iter().any(|it| it.pid == *daemon), "{tree:?}");
    assert!(!tree.contains(&process(&child)));

    signal_all(&tree, SIGKILL);
    wait_until("their end", || alive(&tree).is_empty());
    let gone = process(&child);
    stdin.write_all(b"\n").unwrap();
    child.wait().unwrap();
    assert_eq!(started_by(gone), []);
}

//! Installing over an installed version while sessions go on.

use std::fs::{self, File, FileTimes};
use std::io::Write as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, SystemTime};

use serde_json::json;
use sisyphus_testing::{Process, wait_for};

use crate::site::{BINARIES, Site, succeeds};
use crate::tree::tree;

/// The tree of the home with `VERSION` for the name of the version in use, and without the one before it.
fn comparable(site: &Site) -> Vec<String> {
    let current = site.current();
    let name = current.file_name().unwrap().to_str().unwrap();
    let before = |line: &String| line.contains("sisyphus/plugin/") && !line.contains(name);
    let mut lines = tree(&site.home);
    lines.retain(|line| !before(line));
    lines.iter().map(|line| line.replace(name, "VERSION")).collect()
}

/// Ends the process also when the test fails.
struct Ended(Child);

impl Drop for Ended {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn age(path: &Path, days: u64) {
    let time = SystemTime::now() - Duration::from_secs(days * 86_400);
    let times = FileTimes::new().set_accessed(time).set_modified(time);
    File::open(path).unwrap().set_times(times).unwrap();
}

/// A second `install.sh` leaves the same files, and keeps the history.
#[test]
fn installing_twice_leaves_the_same() {
    let site = Site::new();
    site.install();
    let ended = json!({ "version": 1, "tasks": [{ "id": "tkept", "ticket": 1, "session": "s", "cwd": "/", "command": "true",
        "status": { "state": "finished", "outcome": "completed", "ended_at": "2026-11-21T02:30:00Z" } }] });
    fs::create_dir_all(site.state()).unwrap();
    fs::write(site.state().join("completed.json"), ended.to_string()).unwrap();

    let (first, before) = (site.current(), comparable(&site));
    site.install();
    assert_eq!(comparable(&site), before);
    assert_ne!(site.current(), first);
    assert_eq!(fs::read_link(site.link()).unwrap(), site.plugin().join("bin/sisyphus"));
    let mut list = site.command(&site.link());
    list.arg("list");
    assert!(succeeds(list).contains("tkept"));
}

/// `install.sh` says what was there: the same version, another one, or a copy that Claude Code has from a marketplace.
#[test]
fn what_was_there_is_said() {
    let site = Site::new();
    let stubs = site.stubs();
    let install = || succeeds(site.installer_with(&stubs));
    let said = install();
    assert!(said.contains("Installed sisyphus 0.2.0 to"), "{said}");
    let said = install();
    assert!(
        said.contains("Installed sisyphus 0.2.0 again, in place of the same version"),
        "{said}"
    );
    assert!(said.contains("Open sessions of Claude Code use it from now on"), "{said}");
    assert!(!said.contains("marketplace"), "{said}");
    let manifest = site.plugin().join("plugin.json");
    let older = fs::read_to_string(&manifest).unwrap().replace("0.2.0", "0.1.9");
    fs::write(&manifest, older).unwrap();
    let list =
        json!({ "version": 2, "plugins": { "sisyphus@skills-dir": [], "sisyphus@market": [] } });
    fs::write(site.config().join("plugins/installed_plugins.json"), format!("{list:#}")).unwrap();
    let said = install();
    assert!(said.contains("Updated sisyphus from 0.1.9 to 0.2.0"), "{said}");
    assert!(said.contains("Claude Code also has 'sisyphus@market' from a marketplace"), "{said}");
    assert!(said.contains("claude plugin uninstall sisyphus@market\n"), "{said}");
}

#[test]
fn a_hook_that_runs_during_the_update_is_left_alone() {
    let site = Site::new();
    site.install();
    let path = site.plugin().join("hooks/bin/sisyphus-stop").canonicalize().unwrap();
    let (inode, modified, bytes) = fingerprint(&path);

    let mut command = site.command(&path);
    command.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut hook = Ended(command.spawn().unwrap());
    let process = wait_for("the hook", || Process::of(hook.0.id().cast_signed()));
    wait_for("the hook's program", || (process.program()? == path).then_some(()));

    // A hook gives up when its input pauses for a second, and in any case after five: the event's first blanks come all
    // the while, and the update is a quick one.
    let mut stdin = hook.0.stdin.take().unwrap();
    let mut installer = site.installer_with(&site.stubs());
    installer.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let mut installer = Ended(installer.spawn().unwrap());
    let installed = wait_for("the update", || {
        stdin.write_all(b" ").expect("a hook that listens");
        installer.0.try_wait().unwrap()
    });
    assert!(installed.success(), "{installed}");
    assert_ne!(site.current().join("hooks/bin/sisyphus-stop"), path);
    assert!(process.is_alive());
    assert_eq!(process.program(), Some(path.clone()), "its file is gone");
    assert_eq!(fingerprint(&path), (inode, modified, bytes), "its file was written to");

    let event = json!({ "hook_event_name": "Stop", "session_id": "session-1", "cwd": "/" });
    stdin.write_all(event.to_string().as_bytes()).unwrap();
    let status = wait_for("the end of the hook", || hook.0.try_wait().unwrap());
    assert!(status.success(), "{status}");
}

fn fingerprint(path: &Path) -> (u64, SystemTime, Vec<u8>) {
    let metadata = path.metadata().unwrap();
    (metadata.ino(), metadata.modified().unwrap(), fs::read(path).unwrap())
}

#[test]
fn a_hook_can_be_opened_at_any_time_of_an_update() {
    let site = Site::new();
    let stubs = site.install_stubs();
    let path = site.plugin().join("hooks/bin/sisyphus-stop");
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        let reader = scope.spawn(|| {
            let (mut opened, mut failures) = (0_u64, Vec::new());
            while !over.load(Ordering::Relaxed) {
                match File::open(&path) {
                    Ok(_) => opened += 1,
                    Err(error) => failures.push(error.to_string()),
                }
            }
            (opened, failures)
        });
        let mut seen = vec![site.current()];
        let updates = || {
            for _ in 0..15 {
                succeeds(site.installer_with(&stubs));
                seen.push(site.current());
            }
        };
        // The reader must end when an update panics, or the test would never.
        let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(updates));
        over.store(true, Ordering::Relaxed);
        let (opened, failures) = reader.join().unwrap();
        outcome.unwrap();
        assert_eq!(failures, Vec::<String>::new(), "of {opened}");
        assert!(opened > 1_000, "only {opened} were tried");
        seen.dedup();
        assert_eq!(seen.len(), 16);
    });
}

#[test]
fn installers_that_run_at_once_leave_one_whole_plugin() {
    let site = Site::new();
    let stubs = site.stubs();
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| succeeds(site.installer_with(&stubs)));
        }
    });
    assert_eq!(site.plugin().join("hooks/bin").read_dir().unwrap().count(), BINARIES.len() - 1);
    let names: Vec<PathBuf> =
        site.versions().read_dir().unwrap().map(|entry| entry.unwrap().path()).collect();
    assert!(names.contains(&site.current()));
    assert!(!names.iter().any(|path| path.to_str().unwrap().contains(".new.")), "{names:?}");
}

/// `install.sh` keeps an older version for a week after it replaced that version.
#[test]
fn an_older_version_stays_for_a_week() {
    let site = Site::new();
    let stubs = site.install_stubs();
    let update = || {
        succeeds(site.installer_with(&stubs));
        site.current()
    };
    let first = site.current();
    // Installed long ago and in use until now: sessions that began with it go on.
    age(&first, 30);
    let second = update();
    assert!(first.exists());
    age(&first, 6);
    let third = update();
    assert!(first.exists() && second.exists());
    age(&first, 9);
    let fourth = update();
    assert!(!first.exists());
    assert!(second.exists() && third.exists() && fourth.exists());
}

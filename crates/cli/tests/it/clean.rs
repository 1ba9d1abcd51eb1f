//! `sisyphus clean`: what goes, and what stays.

mod all;

use std::fs::{self, File};
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use serde_json::{Value, json};
use sisyphus_state::store::Lock;
use sisyphus_testing::{Client, Shell, TestEnv};

use crate::planted::{assert_fails, ended, failed, owed, plant, plant_text, prints, running, tree};
use crate::support::task_once;

const HOUR: u64 = 60 * 60;
const DAY: u64 = 24 * HOUR;
/// The name of a queue entry.
const TICKET: &str = "00000000000000000007-0123abcd-tnbdy0000";

fn age(path: &Path, seconds: u64) {
    let then = SystemTime::now() - Duration::from_secs(seconds);
    File::open(path).unwrap().set_modified(then).unwrap();
}

/// A home with something of every kind in it.
pub(crate) struct Home {
    pub(crate) env: TestEnv,
}

impl Home {
    pub(crate) fn new() -> Self {
        let home = Self { env: TestEnv::new() };
        for dir in [home.env.client_tmp(), home.env.runs()] {
            fs::create_dir(&dir).unwrap();
            fs::set_permissions(&dir, fs::Permissions::from_mode(0o700)).unwrap();
        }
        home
    }

    /// A file of the state that was last written so many seconds ago.
    pub(crate) fn state(&self, name: &str, text: &str, seconds: u64) -> PathBuf {
        plant_text(&self.env, name, text);
        let path = self.env.state().join(name);
        age(&path, seconds);
        path
    }

    /// A file below the run root.
    fn run(&self, name: &str, seconds: u64) -> PathBuf {
        let path = self.env.runs().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, "12345").unwrap();
        age(&path, seconds);
        path
    }

    /// A file of the queue.
    fn line(&self, name: &str, seconds: u64) -> PathBuf {
        fs::create_dir_all(self.env.runtime()).unwrap();
        fs::set_permissions(self.env.runtime(), fs::Permissions::from_mode(0o700)).unwrap();
        let path = self.env.runtime().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, "12345").unwrap();
        age(&path, seconds);
        path
    }

    /// A run with these files in it, `SESSION/CLIENT_ID`.
    pub(crate) fn run_folder(&self, name: &str, files: &[&str], seconds: u64) -> PathBuf {
        run_folder(&self.env.state().join("runs").join(name), files, seconds)
    }

    /// The same of a sandboxed command.
    fn sandboxed(&self, name: &str, files: &[&str], seconds: u64) -> PathBuf {
        run_folder(&self.env.runs().join("runs").join(name), files, seconds)
    }

    pub(crate) fn clean(&self, args: &[&str]) -> Value {
        let text = prints(&self.env, &[&["clean", "--json"], args].concat());
        serde_json::from_str(&text).unwrap()
    }
}

fn paths(told: &Value) -> Vec<PathBuf> {
    let items = told["items"].as_array().unwrap();
    items.iter().map(|item| item["path"].as_str().unwrap().into()).collect()
}

fn run_folder(path: &Path, files: &[&str], seconds: u64) -> PathBuf {
    fs::create_dir_all(path).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o700)).unwrap();
    for file in files {
        fs::write(path.join(file), "12345").unwrap();
    }
    age(path, seconds);
    path.to_owned()
}

/// A task that Claude Code knows as `b` and its id.
pub(crate) fn named(mut task: Value) -> Value {
    task["client"] = json!({ "id": format!("b{}", task["id"].as_str().unwrap()) });
    task
}

/// Everything of which it is known whether it goes: what goes, with its kind, and what stays.
fn table(home: &Home) -> (Vec<(&'static str, PathBuf)>, Vec<PathBuf>) {
    plant(&home.env, "completed.json", &[ended("tdone0000", "", 1), ended("tdone1111", "", 2)]);
    plant(&home.env, "failed.json", &[failed("tfail0000", "", 3)]);
    let live =
        [named(running("tkept0000", "")), owed("towed0000", "owing"), owed("theld0000", "held")];
    plant(&home.env, "active.json", &live);
    let (old, young) = (31 * DAY, 29 * DAY);
    let stale = HOUR + 60;
    let goes = vec![
        ("output", home.state("output/tdone0000.log", "123", old)),
        ("output", home.state("output/tnobody00.log", "123", stale)),
        ("archive", home.state("archive/2026-01.jsonl", "{}\n", old)),
        ("events", home.state("events.1.jsonl", "{\"id\":\"tnobody00\"}\n", old)),
        ("corrupt", home.state("active.json.corrupt-20200102T030405678", "x", 0)),
        ("corrupt", home.state("active.json.corrupt-20200102T030405678.reason", "x", 0)),
        ("corrupt", home.state("sessions/s1.json.corrupt-20200102T030405678", "x", 0)),
        ("corrupt", home.state("completed.json.corrupt-copy", "x", old)),
        ("corrupt", home.state("inbox/17-ab.broken", "x", old)),
        ("session", home.state("sessions/told.json", "{}", old)),
        ("session", home.state("sessions/only.json", "{}", old)),
        ("temporary", home.state("active.json.17-0.tmp", "x", stale)),
        ("temporary", home.state("inbox/17-ab.json.17-3.tmp", "x", stale)),
        ("temporary", home.state("sessions/s1.json.17-3.tmp", "x", stale)),
        ("temporary", home.state("output/tdone0000.17.tmp", "x", stale)),
        ("temporary", home.state("wake/s1.json.17-3.tmp", "x", stale)),
        ("temporary", home.state("bin/sisyphus-run-0.1.17.tmp", "x", stale)),
        ("handoff", home.state("announced/s1/toolu_1.json", "{}", DAY + 60)),
        ("handoff", home.state("claims/4026531836-7-99", "x", stale)),
        ("handoff", home.state("claims/4026531836-7-99.17-0.tmp", "x", stale)),
        ("handoff", home.run("claims/4026531836-8-99", stale)),
        ("handoff", home.state("transfers/4711.json", "{}", stale)),
        ("line", home.line("line/slots/slot-1", stale)),
        ("line", home.line("line/slots/slot-1.json", stale)),
        ("line", home.line("line/slots/slot-1.json.17.tmp", stale)),
        ("line", home.line(&format!("line/waiting/{TICKET}"), stale)),
        ("line", home.line(&format!("line/waiting/.{TICKET}"), stale)),
        ("line", home.run("line/slots/slot-1", stale)),
        ("temporary", home.line("agents/0123456789abcdef.json.17-0.tmp", stale)),
        ("waiter", home.state("wake/told.lock", "", old)),
        ("waiter", home.state("wake/told.json", "[7,9]", old)),
        ("waiter", home.state("wake/gone.lock", "", old)),
        ("run_folder", home.run_folder("s1/bnbdy0000", &["attached.json", "lock"], stale)),
        ("run_folder", home.run_folder("s1/bdne00000", &["lock", "result.json"], old)),
        ("run_folder", home.run_folder("slast/bnbdy0000", &["attached.json", "lock"], stale)),
        ("run_folder", home.sandboxed("s1/bnbdy1111", &["attached.json", "lock"], stale)),
        ("run_folder", home.sandboxed("s1/bdne11111", &["lock", "result.json"], old)),
    ];
    let stays = vec![
        home.state("output/tdone1111.log", "123", young),
        home.state("output/tfail0000.log", "123", young),
        home.state("output/tkept0000.log", "123", old),
        home.state("output/towed0000.log", "123", old),
        home.state("output/tarch0000.log", "123", young),
        home.state("output/tcrpt0000.log", "123", young),
        home.state("output/tnobody11.log", "123", HOUR - 60),
        home.state("output/notes.txt", "123", old),
        home.state("archive/2026-02.jsonl", &format!("{}\n", ended("tarch0000", "", 1)), young),
        home.state("events.jsonl", "{}\n", young),
        home.state("failed.json.corrupt-29990102T030405678", "[ \"tcrpt0000\"", old),
        home.state("wake/owing.lock", "", old),
        home.state("wake/session-1.lock", "", old),
        home.state("wake/session-1.json", "[7,9]", old),
        home.state("wake/held.lock", "", old),
        home.state("output/theld0000.log", "123", old),
        home.state("transfers/4712.json", "{}", HOUR - 60),
        home.state("transfers/notes.json", "{}", old),
        home.line("line/slots/slot-2", old),
        home.line("line/slots/slot-2.json", old),
        home.line("line/slots/slot-3", HOUR - 60),
        home.line("line/slots/slot-x", old),
        home.line("line/waiting/notes", old),
        home.line("agents/0123456789abcdef.json", old),
        home.state("sessions/session-1.json", "{}", old),
        home.state("sessions/owing.json", "{}", old),
        home.state("sessions/young.json", "{}", young),
        home.state("active.json.17-1.tmp", "x", HOUR - 60),
        home.state("draft.tmp", "x", old),
        home.state("announced/s1/toolu_2.json", "{}", DAY - 60),
        home.state("claims/4026531836-9-99", "x", HOUR - 60),
        home.state("bin/sisyphus-run-0.0.9", "x", old),
        home.state("hooks.log", "x", old),
        home.run("claims/id_rsa", old),
        home.run_folder("session-1/btkept0000", &["lock"], old),
        home.run_folder("s1/bvery0000", &["lock"], HOUR - 60),
        // Another installation's, maybe not taken over yet.
        home.run_folder("s1/brest0000", &["lock", "result.json"], young),
        home.run_folder("s1/documents and more", &["lock"], old),
        home.run_folder("s1/bheld0000", &["lock"], stale),
        home.sandboxed("session-1/btkept0000", &["lock"], old),
    ];
    (goes, stays)
}

#[test]
fn what_nobody_needs_goes_and_everything_else_stays() {
    let home = Home::new();
    let (goes, stays) = table(&home);
    let held = home.env.state().join("runs/s1/bheld0000/lock");
    let _held = Lock::acquire(&held, Duration::ZERO).unwrap();
    let slot = home.env.runtime().join("line/slots/slot-2");
    let _slot = Lock::acquire(&slot, Duration::ZERO).unwrap();
    let _waiter = Lock::acquire(&home.env.state().join("wake/held.lock"), Duration::ZERO).unwrap();
    let before = tree(home.env.path());

    let would = home.clean(&["--dry-run"]);
    assert_eq!((&would["version"], &would["removed"]), (&json!(1), &json!(false)));
    assert_eq!(tree(home.env.path()), before);

    let text = prints(&home.env, &["clean", "--dry-run"]);
    assert!(text.contains("/output/tdone0000.log (kept output, 3 bytes)\n"), "{text}");
    let size = would["bytes"].as_u64().unwrap();
    assert!(text.ends_with(&format!("would be removed: {}, {size} bytes\n", goes.len())), "{text}");

    let told = home.clean(&[]);
    assert_eq!(told["removed"], true);
    assert_eq!((&told["items"], &told["bytes"]), (&would["items"], &would["bytes"]));
    let mut kinds: Vec<(String, PathBuf)> = Vec::new();
    for item in told["items"].as_array().unwrap() {
        let kind = item["kind"].as_str().unwrap().to_owned();
        kinds.push((kind, item["path"].as_str().unwrap().into()));
    }
    let mut expected: Vec<(String, PathBuf)> =
        goes.iter().map(|(kind, path)| ((*kind).to_owned(), path.clone())).collect();
    kinds.sort();
    expected.sort();
    assert_eq!(kinds, expected);
    for (_, path) in &goes {
        assert!(!path.exists(), "{} stayed", path.display());
    }
    assert!(!home.env.state().join("runs/slast").exists(), "the session of the last run stayed");
    for path in &stays {
        assert!(path.exists(), "{} went", path.display());
    }
    assert_eq!(home.clean(&[])["items"], json!([]));
    assert_eq!(prints(&home.env, &["clean"]), "Nothing to remove.\n");
}

#[test]
fn the_age_can_be_chosen() {
    let home = Home::new();
    plant(&home.env, "completed.json", &[ended("tdone0000", "", 1), ended("tdone1111", "", 2)]);
    let two = home.state("output/tdone0000.log", "123", 2 * DAY + 60);
    let one = home.state("output/tdone1111.log", "123", DAY + 60);
    assert_eq!(paths(&home.clean(&["--older-than", "3"])), Vec::<PathBuf>::new());
    assert_eq!(paths(&home.clean(&["--older-than", "2"])), [two]);
    assert_eq!(paths(&home.clean(&["--older-than", "0"])), [one]);
    let output = home.env.run("sisyphus", &["clean", "--older-than", "-1"]);
    assert_eq!(output.code, Some(2), "{output:?}");
    let output = home.env.run("sisyphus", &["clean", "--older-than", "2w"]);
    assert!(output.stderr.contains("a whole number of days"), "{output:?}");
}

/// A session's shells name the runner that it began with, for as long as it goes on.
#[test]
fn a_runner_goes_when_no_session_can_name_it() {
    /// Files, and how old they are.
    type Files<'a> = &'a [(&'a str, u64)];

    let (old, young) = (31 * DAY, 29 * DAY);
    let current = concat!("bin/sisyphus-run-", env!("CARGO_PKG_VERSION"));
    let cases: [(&str, Files<'_>, &str, bool); 7] = [
        ("no session is left", &[], "", true),
        ("it is over", &[("sessions/s1.json", old)], "", true),
        ("it began before there was another", &[("sessions/s1.json", young)], "", false),
        ("a result is owed to it", &[("sessions/s1.json", old)], "s1", false),
        ("it waits", &[("sessions/s1.json", old), ("wake/s1.json", young)], "", false),
        ("its start is unknown", &[], "s1", false),
        ("it began with this one", &[("sessions/s1.json", 0)], "", true),
    ];
    for (what, files, owed_to, goes) in cases {
        let home = Home::new();
        let before = home.state("bin/sisyphus-run-0.0.9", "x", old);
        let later = home.state("bin/sisyphus-run-0.0.10", "x", young);
        let stays = [
            home.state(current, "x", old),
            home.state("bin/sisyphus-running", "x", old),
            home.state("bin/notifier", "/x", old),
            later,
        ];
        for (name, seconds) in files {
            home.state(name, "{}", *seconds);
        }
        if !owed_to.is_empty() {
            plant(&home.env, "active.json", &[owed("towed0000", owed_to)]);
        }
        for age in ["0", "30"] {
            home.clean(&["--older-than", age]);
            assert_eq!(before.exists(), !goes, "{what}, {age}");
        }
        for path in stays {
            assert!(path.exists(), "{what}: {} went", path.display());
        }
    }
}

/// However short a time outputs are kept.
#[test]
fn what_is_owed_stays_as_long_as_its_record() {
    let home = Home::new();
    plant(&home.env, "active.json", &[owed("towed0000", "s1")]);
    let output = home.state("output/towed0000.log", "123", 29 * DAY);
    assert_eq!(home.clean(&["--older-than", "0"])["items"], json!([]));
    home.env.edit_state("active.json", |active| active["tasks"] = json!([]));
    plant(&home.env, "completed.json", &[ended("towed0000", "", 1)]);
    assert_eq!(home.clean(&["--older-than", "40"])["items"], json!([]));
    assert_eq!(paths(&home.clean(&["--older-than", "0"])), [output]);
}

#[test]
fn there_may_be_nothing_at_all() {
    let env = TestEnv::new();
    assert_eq!(prints(&env, &["clean"]), "Nothing to remove.\n");
    assert!(!env.state().exists());
}

#[test]
fn nothing_of_a_task_that_runs_goes() {
    let client = Client::new(Shell::Bash);
    let running = client.background("until [ -e go ]; do sleep 0.02; done; echo done");
    let task = task_once(&client, &running, "running");
    let folder = client.env.state().join("runs/session-1").join(&running.id);
    age(&folder, 90 * DAY);
    let text = prints(&client.env, &["clean", "--older-than", "0"]);
    assert!(!text.contains(task["id"].as_str().unwrap()), "{text}");
    assert!(folder.join("lock").exists(), "{text}");
    fs::write(client.env.project().join("go"), "").unwrap();
    running.wait();
    assert_eq!(client.task()["exit_code"], 0);
    // Its result is owed.
    prints(&client.env, &["clean", "--older-than", "0"]);
    assert_eq!(prints(&client.env, &["output", task["id"].as_str().unwrap()]), "done\n");
}

#[test]
fn a_link_is_not_followed() {
    let home = Home::new();
    let elsewhere = home.env.path().join("elsewhere");
    fs::create_dir(&elsewhere).unwrap();
    for name in ["4026531836-7-99", "tlink0000.log"] {
        fs::write(elsewhere.join(name), "mine").unwrap();
        age(&elsewhere.join(name), 90 * DAY);
    }
    symlink(&elsewhere, home.env.runs().join("claims")).unwrap();
    fs::create_dir_all(home.env.state()).unwrap();
    symlink(&elsewhere, home.env.state().join("output")).unwrap();
    fs::create_dir_all(home.env.state().join("runs/s1")).unwrap();
    symlink(&elsewhere, home.env.state().join("runs/s1/bnk000000")).unwrap();
    symlink(&elsewhere, home.env.state().join("runs/s2")).unwrap();
    assert_eq!(home.clean(&["--older-than", "0"])["items"], json!([]));
    assert_eq!(fs::read_dir(&elsewhere).unwrap().count(), 2);
}

/// `sisyphus clean` removes nothing while it can't read a state file.
#[test]
fn an_unreadable_record_keeps_everything() {
    let home = Home::new();
    let old = home.state("output/tdone0000.log", "123", 31 * DAY);
    plant_text(&home.env, "active.json", "{ \"version\": 3, \"owes\": [\"tdone0000\"] }");
    assert_fails(&home.env.run("sisyphus", &["clean"]), 1, "update sisyphus");
    assert!(old.exists());
}

//! What is taken over, once, and what is left alone.

use sisyphus_testing::TempDir;
use sisyphus_testing::files::symlink;

use super::*;
use crate::reconcile::Scope;

/// A configuration folder, with what 0.1.0 left in it: a live task, one that is owed, two that are over, their
/// outputs and a month of older ones.
struct Config {
    dir: TempDir,
    store: Store,
    old: StateDir,
}

impl Config {
    fn new() -> Self {
        let dir = TempDir::new();
        let state = StateDir::at(dir.path().join("plugins/data/sisyphus/state"));
        let old = StateDir::at(state.for_people().unwrap());
        Self { store: Store::new(state), old, dir }
    }

    fn with_0_1() -> Self {
        let config = Self::new();
        config.old.create().unwrap();
        let outbox = config.old.root().join("outbox");
        for dir in [config.old.output_dir(), config.old.archive_dir(), outbox] {
            sys::create_private_dir_all(&dir).unwrap();
        }
        let write = |name: &str, value: Value| {
            fs::write(config.old.root().join(name), value.to_string()).unwrap();
        };
        let over = |id: &str, outcome: Value| {
            let mut status = json!({ "state": "finished", "ended_at": chrono::Utc::now() });
            status.as_object_mut().unwrap().extend(outcome.as_object().unwrap().clone());
            record(id, status)
        };
        let owed = over("owed", json!({ "outcome": "failed", "exit_code": 9 }));
        let good = over("good", json!({ "outcome": "completed" }));
        let older = over("older", json!({ "outcome": "completed" }));
        let running = json!({ "state": "running", "started_at": "2026-11-21T02:30:00Z", "watch": "supervised" });
        let live = record("live", running.clone());
        let mut unconfirmed = record("twin", running);
        unconfirmed["client"]["said_by"] = "runner".into();
        write(
            "active.json",
            json!({ "version": 1, "next_ticket": 9, "tasks": [live, unconfirmed] }),
        );
        write("completed.json", json!({ "version": 1, "tasks": [good] }));
        write("failed.json", json!({ "version": 1, "tasks": [owed.clone()] }));
        write("outbox/session-1.json", json!({ "version": 1, "owed": [owed], "delivered": [] }));
        fs::write(config.old.output_dir().join("good.log"), "47 passed\n").unwrap();
        let line = older.to_string() + "\n";
        fs::write(config.old.archive_dir().join("2026-10.jsonl"), line).unwrap();
        config
    }

    fn import(&self, live: Live) {
        let world = World { is_gone: |_| false, client_tmp: self.dir.path(), scope: Scope::Ended };
        import(&self.store, &world, live).unwrap();
    }

    /// The ids of the live records, those that are owed marked.
    fn active(&self) -> Vec<String> {
        let mark = |task: &Task| if task.delivery().is_open() { "!" } else { "" };
        let active = self.store.read_active().unwrap();
        active.tasks.iter().map(|task| format!("{}{}", task.id, mark(task))).collect()
    }

    fn state(&self) -> &StateDir {
        self.store.dir()
    }
}

/// A record as 0.1.0 wrote it.
fn record(id: &str, status: Value) -> Value {
    json!({
        "id": id, "ticket": 3, "session": "session-1", "tool_use_id": format!("toolu_{id}"),
        "client": { "id": format!("b{id}"), "said_by": "client" }, "run_root": "/tmp/claude-0/sisyphus",
        "host": "dev", "cwd": "/home/dev/proj", "command": "npm test", "status": status,
    })
}

fn ids(tasks: &[Task]) -> Vec<&str> {
    tasks.iter().map(|task| task.id.as_str()).collect()
}

fn assert_history(config: &Config, failed: &[&str]) {
    let store = &config.store;
    assert_eq!(ids(&store.read_completed().unwrap().tasks()), ["good"]);
    assert_eq!(ids(&store.read_failed().unwrap().tasks()), failed);
    assert_eq!(ids(&store.read_archive(|_| {})), ["older"]);
    let output = config.state().output_dir().join("good.log");
    assert_eq!(fs::read_to_string(output).unwrap(), "47 passed\n");
}

/// After the installer has switched the link, no old hook looks after what runs: it moves, whole and once.
#[test]
fn all_of_it_moves_once() {
    let config = Config::with_0_1();
    for _ in 0..2 {
        config.import(Live::Move);
        assert_history(&config, &[]);
        assert_eq!(config.active(), ["owed!", "live"]);
    }
    let left = fs::read_to_string(config.old.active()).unwrap();
    assert!(!left.contains("\"live\""), "{left}");
    assert!(!config.old.root().join("outbox/session-1.json").exists());
    // What is put there now is not believed.
    let forged = json!({ "version": 1, "tasks": [record("forged", json!({ "state": "pending", "announced_at": "2026-11-21T02:30:00Z" }))] });
    fs::write(config.old.active(), forged.to_string()).unwrap();
    config.import(Live::Move);
    assert_eq!(config.active(), ["owed!", "live"]);
}

/// The old hooks of a marketplace copy report what a session of that copy waits for.
#[test]
fn the_history_alone_is_copied() {
    let config = Config::with_0_1();
    let before = fs::read(config.old.active()).unwrap();
    config.import(Live::Leave);
    assert_history(&config, &["owed"]);
    assert_eq!(config.active(), [""; 0]);
    assert_eq!(fs::read(config.old.active()).unwrap(), before);
    assert!(config.old.root().join("outbox/session-1.json").exists());
}

/// Killed before the note was written, or before the old folder was cleared: the next one doubles nothing.
#[test]
fn an_interrupted_import_is_repeated() {
    let config = Config::with_0_1();
    let live = fs::read(config.old.active()).unwrap();
    config.import(Live::Move);
    fs::remove_file(config.state().imported()).unwrap();
    fs::write(config.old.active(), live).unwrap();
    config.import(Live::Move);
    assert_history(&config, &[]);
    assert_eq!(config.active(), ["owed!", "live"]);
}

/// What its old runner leaves is found, and believed no more than a sandboxed runner's.
#[test]
fn the_result_of_an_old_runner_is_found() {
    let config = Config::with_0_1();
    config.import(Live::Move);
    let tmp = config.dir.path().join("claude-0");
    let run = tmp.join("sisyphus/live");
    sys::create_private_dir_all(&run).unwrap();
    fs::write(run.join("claimed.json"), "{}").unwrap();
    let result = json!({
        "exit": { "code": 5 }, "stop": "none", "ended_at": "2026-11-21T02:31:00Z", "duration_ms": 9,
    });
    fs::write(run.join("result.json"), result.to_string()).unwrap();
    let world = World { is_gone: |_| false, client_tmp: &tmp, scope: Scope::All };
    let finished = config.store.update(&world, LOCK_WAIT, |active, _| {
        let live = active.tasks.iter_mut().find(|task| task.id.as_str() == "live").unwrap();
        live.client_tmp = Some(tmp.clone());
    });
    finished.unwrap();
    let active = config.store.update(&world, LOCK_WAIT, |active, _| active.clone()).unwrap();
    let live = active.tasks.iter().find(|task| task.id.as_str() == "live").unwrap();
    assert_eq!(live.status().word(), "failed", "{live:?}");
}

/// T8: nothing below a link is taken over.
#[test]
fn a_link_is_not_followed() {
    let config = Config::with_0_1();
    let elsewhere = config.dir.path().join("elsewhere");
    fs::rename(config.old.root(), &elsewhere).unwrap();
    symlink(&elsewhere, config.old.root()).unwrap();
    config.import(Live::Move);
    assert!(!config.state().root().exists());
}

#[test]
#[cfg_attr(windows, ignore = "Windows allows links to few users")]
fn the_link_for_people_replaces_nothing() {
    let config = Config::new();
    let link = config.state().for_people().unwrap();
    for _ in 0..2 {
        link_for_people(config.state()).unwrap();
        assert_eq!(fs::read_link(&link).unwrap(), config.state().root());
    }
    let config = Config::with_0_1();
    config.import(Live::Move);
    link_for_people(config.state()).unwrap();
    assert!(config.old.output_dir().is_dir());
    // A month later.
    let note = File::options().write(true).open(config.state().imported()).unwrap();
    note.set_modified(SystemTime::now() - STAYS - Duration::from_secs(60)).unwrap();
    link_for_people(config.state()).unwrap();
    assert_eq!(fs::read_link(config.old.root()).unwrap(), config.state().root());
    assert_history(&config, &[]);
}

/// Only where every session starts its hooks by the link that the installer switches.
#[test]
fn a_marketplaces_hooks_take_nothing_away() {
    let config = Config::new();
    let link = config.dir.path().join("skills/sisyphus");
    let cached = config.dir.path().join("plugins/cache/market/sisyphus/0.2.0");
    let elsewhere = StateDir::at("/s");
    for (root, state, expected) in [
        (Some(link.as_path()), config.state(), Live::Move),
        (Some(cached.as_path()), config.state(), Live::Leave),
        (None, config.state(), Live::Leave),
        (None, &elsewhere, Live::Leave),
        (Some(link.as_path()), &elsewhere, Live::Leave),
    ] {
        assert_eq!(Live::beside(root, state), expected, "{root:?}");
    }
}

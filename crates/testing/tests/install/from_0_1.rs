//! Installing over 0.1.0, which had itself and its state in a folder that a sandboxed command may write to.

use std::fs::{self, DirBuilder};
use std::os::unix::fs::{DirBuilderExt as _, symlink};
use std::path::PathBuf;

use nix::unistd::geteuid;
use serde_json::{Value, json};

use crate::site::{Site, succeeds};
use crate::tree::files;

/// What 0.1.0 leaves: its version behind the link, a task that waits for Claude Code's notice, and a finished one.
fn install_0_1(site: &Site) -> PathBuf {
    let version = site.config().join(".sisyphus/plugin/0.1.0-20261121023000-1");
    fs::create_dir_all(version.join("bin")).unwrap();
    fs::create_dir_all(site.config().join("skills")).unwrap();
    symlink(&version, site.plugin()).unwrap();
    let old = site.documented_state();
    fs::create_dir_all(old.join("output")).unwrap();
    let live = json!({ "id": "tlive", "ticket": 7, "session": "s", "cwd": "/", "command": "npm test",
        "client": { "id": "b1", "said_by": "client" },
        "status": { "state": "running", "started_at": "2026-11-21T02:30:00Z", "watch": "observed" } });
    let ended = json!({ "id": "tkept", "ticket": 1, "session": "s", "cwd": "/", "command": "true",
        "output": { "bytes": 9, "dropped": 0 },
        "status": { "state": "finished", "outcome": "completed", "ended_at": "2026-11-21T02:30:00Z" } });
    let active = json!({ "version": 1, "next_ticket": 8, "tasks": [live] });
    fs::write(old.join("active.json"), active.to_string()).unwrap();
    let completed = json!({ "version": 1, "tasks": [ended] });
    fs::write(old.join("completed.json"), completed.to_string()).unwrap();
    fs::write(old.join("output/tkept.log"), "47 passed").unwrap();
    version
}

fn sisyphus(site: &Site, args: &[&str]) -> String {
    let mut command = site.command(&site.link());
    command.args(args);
    succeeds(command)
}

/// The link is switched in place, the version stays for processes that have one of its files open, and every task comes along.
#[test]
fn an_update_brings_the_tasks_along() {
    let site = Site::new();
    let version = install_0_1(&site);
    site.install();
    assert!(site.current().starts_with(site.versions()), "{}", site.current().display());
    assert!(version.exists());
    let listed: Value = serde_json::from_str(&sisyphus(&site, &["list", "--json"])).unwrap();
    let mut ids: Vec<&str> =
        listed["tasks"].as_array().unwrap().iter().filter_map(|task| task["id"].as_str()).collect();
    ids.sort_unstable();
    assert_eq!(ids, ["tkept", "tlive"], "{listed:#}");
    assert_eq!(sisyphus(&site, &["output", "tkept"]), "47 passed");
    // The old folder keeps what running shells name, and nothing that a hook could report a second time.
    let old: Value = serde_json::from_str(
        &fs::read_to_string(site.documented_state().join("active.json")).unwrap(),
    )
    .unwrap();
    assert_eq!(old["tasks"], json!([]));
}

/// A runner that outlives the update keeps the output in the old folder, whose path it was started with.
#[test]
fn the_output_of_an_old_runner_comes_along() {
    let site = Site::new();
    install_0_1(&site);
    let root = site.tmp.join(format!("claude-{}", geteuid())).join("sisyphus");
    let run = root.join("tlive");
    DirBuilder::new().recursive(true).mode(0o700).create(&run).unwrap();
    let active = site.documented_state().join("active.json");
    let mut live: Value = serde_json::from_slice(&fs::read(&active).unwrap()).unwrap();
    live["tasks"][0]["run_root"] = json!(root);
    live["tasks"][0]["status"]["watch"] = json!("supervised");
    fs::write(&active, live.to_string()).unwrap();
    site.install();
    fs::write(site.documented_state().join("output/tlive.log"), "3 failed\n").unwrap();
    fs::write(run.join("claimed.json"), "{}").unwrap();
    let result = json!({ "exit": { "code": 3 }, "stop": "none", "ended_at": "2026-11-21T02:31:00Z",
        "duration_ms": 60_000, "output": { "bytes": 9, "dropped": 0 } });
    fs::write(run.join("result.json"), result.to_string()).unwrap();
    assert_eq!(sisyphus(&site, &["output", "tlive"]), "3 failed\n");
    let listed: Value =
        serde_json::from_str(&sisyphus(&site, &["show", "tlive", "--json"])).unwrap();
    assert_eq!(listed["task"]["exit_code"], 3, "{listed:#}");
    assert_eq!(listed["task"]["output_dropped_bytes"], 0, "{listed:#}");
    // It stays when the old folder goes.
    fs::remove_dir_all(site.documented_state()).unwrap();
    assert_eq!(sisyphus(&site, &["output", "tlive"]), "3 failed\n");
}

#[test]
fn uninstalling_it_leaves_nothing() {
    let site = Site::new();
    install_0_1(&site);
    site.uninstall(&[]);
    let left = files(&site.home);
    assert!(
        left.iter().all(|line| line.starts_with(".claude/.sisyphus/background-tasks/")),
        "{left:?}"
    );
    site.install();
    site.uninstall(&["--purge"]);
    assert_eq!(files(&site.home), Vec::<String>::new());
    assert!(!site.config().join(".sisyphus").exists());
}

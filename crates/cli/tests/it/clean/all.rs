//! `sisyphus clean`: records that go, those out of reach and with `--all` every one.

use serde_json::{Value, json};

use crate::clean::{Home, named};
use crate::planted::{
    assert_fails, elsewhere, ended, failed, ids, listed, owed, plant, prints, running, tree,
};

/// S9, S10: what can't be judged from here is dropped, and a task that can stays.
#[test]
fn drops_what_is_out_of_reach() {
    let home = Home::new();
    let tasks = [named(elsewhere(supervised("tfar00000"))), named(running("tnear0000", ""))];
    plant(&home.env, "active.json", &tasks);
    let would = home.clean(&["--dry-run"]);
    assert_eq!(would["items"][0]["kind"], "record");
    assert_eq!(would["items"][0]["task"], "tfar00000");
    assert_eq!(ids(&listed(&home.env, &[])), ["tfar00000", "tnear0000"]);
    assert_eq!(home.clean(&[])["items"], would["items"]);
    assert_eq!(ids(&listed(&home.env, &[])), ["tnear0000"]);
    assert_eq!(home.clean(&[])["items"], json!([]));
}

fn supervised(id: &str) -> Value {
    let status =
        json!({ "state": "running", "started_at": "2026-11-21T02:30:00Z", "watch": "supervised" });
    crate::planted::task(id, "", status)
}

/// `clean --all` removes every record and what was kept, and nothing that a session still needs.
#[test]
fn all_removes_the_whole_history() {
    let home = Home::new();
    let live = [owed("towed0000", "s1"), named(elsewhere(supervised("tfar00000")))];
    plant(&home.env, "active.json", &live);
    plant(&home.env, "completed.json", &[ended("tdone0000", "", 1)]);
    plant(&home.env, "failed.json", &[failed("tfail0000", "", 3)]);
    let goes = [
        home.state("output/towed0000.log", "123", 0),
        home.state("output/tdone0000.log", "123", 0),
        home.state("archive/2026-02.jsonl", &format!("{}\n", ended("tarch0000", "", 1)), 0),
        home.state("events.1.jsonl", "{}\n", 0),
        home.state("failed.json.corrupt-29990102T030405678", "x", 0),
        home.run_folder("s1/bdone0000", &["attached.json", "lock", "result.json"], 0),
        home.env.state().join("completed.json"),
        home.env.state().join("failed.json"),
    ];
    let stays = [
        home.state(concat!("bin/sisyphus-run-", env!("CARGO_PKG_VERSION")), "x", 0),
        home.state("sessions/s1.json", "{}", 0),
        home.state("announced/s1/toolu_1.json", "{}", 0),
        home.state("output/notes.txt", "123", 0),
        home.state("hooks.log", "x", 0),
        // Its shell is about to attach.
        home.run_folder("s1/bnext0000", &["call.json"], 0),
    ];
    let before = tree(home.env.path());
    let would = home.clean(&["--all", "--dry-run"]);
    assert_eq!(tree(home.env.path()), before);
    let text = prints(&home.env, &["clean", "--all", "--dry-run"]);
    assert!(text.contains("/active.json (record of towed0000)\n"), "{text}");

    let told = home.clean(&["--all"]);
    assert_eq!(told["removed"], true);
    assert_eq!(told["items"], would["items"]);
    assert_eq!(told["items"].as_array().unwrap().len(), goes.len() + live.len());
    for path in goes {
        assert!(!path.exists(), "{} stayed", path.display());
    }
    for path in stays {
        assert!(path.exists(), "{} went", path.display());
    }
    assert_eq!(listed(&home.env, &["--all"]), Vec::<Value>::new());
}

/// Nothing goes while a task is live, and the message names it.
#[test]
fn all_is_refused_while_a_task_is_live() {
    let home = Home::new();
    plant(&home.env, "active.json", &[running("tlive0000", "")]);
    plant(&home.env, "completed.json", &[ended("tdone0000", "", 1)]);
    let before = tree(home.env.path());
    for args in [&["clean", "--all"][..], &["clean", "--all", "--dry-run"]] {
        let output = home.env.run("sisyphus", args);
        assert_fails(&output, 1, "1 task has not finished (tlive0000)");
    }
    assert_eq!(tree(home.env.path()), before);
    let output = home.env.run("sisyphus", &["clean", "--all", "--older-than", "3"]);
    assert_eq!(output.code, Some(2), "{output:?}");
}

//! Tasks that can't be judged from here: shown, and counted nowhere.

use serde_json::{Value, json};
use sisyphus_testing::TestEnv;

use crate::planted::{elsewhere, listed, plant, prints, running, task};

fn in_state(id: &str, state: Value) -> Value {
    task(id, "tests", state)
}

fn supervised(id: &str) -> Value {
    let at = "2026-11-21T02:30:00Z";
    in_state(id, json!({ "state": "running", "started_at": at, "watch": "supervised" }))
}

/// An agent of a Claude Code in a container, whose process numbers mean nothing here.
fn in_container(id: &str) -> Value {
    let mut agent = running(id, "look around");
    agent["kind"] = "agent".into();
    agent["launched"] = json!({ "agent_type": "Explore", "prompt": "look",
                                "process": { "pid": 7, "start": 9, "namespace": 1 } });
    agent
}

/// S9, S10: a task of another machine or container is listed with the host's name.
#[test]
fn is_listed_with_the_hosts_name() {
    let env = TestEnv::new();
    let mut agent = in_container("tagent");
    agent["machine"] = json!({ "boot": boot_id(), "host": "container-7" });
    let tasks = [elsewhere(supervised("tfar")), agent, running("tnear", "")];
    plant(&env, "active.json", &tasks);
    let tasks = listed(&env, &[]);
    let places: Vec<_> = tasks.iter().map(|task| task["out_of_reach"].as_str()).collect();
    assert_eq!(places, [Some("tower"), Some("container-7"), None], "{tasks:#?}");
    let text = prints(&env, &["list"]);
    assert!(text.contains("out of reach"), "{text}");
    assert!(text.contains("on tower: tests"), "{text}");
    assert!(text.contains("on container-7: agent Explore: look around"), "{text}");
    let text = prints(&env, &["show", "tfar"]);
    assert!(text.contains("is out of reach, on tower, for "), "{text}");
    let output = env.run("sisyphus", &["wait", "tfar"]);
    assert_eq!(output.code, Some(1), "{output:?}");
    assert!(output.stdout.contains("is out of reach, on tower."), "{output:?}");
}

/// S9: it holds no slot, and no place in the queue is behind it.
#[test]
fn holds_no_slot() {
    let queued =
        || in_state("tqueued", json!({ "state": "queued", "queued_at": "2026-11-21T02:30:00Z" }));
    let cases = [
        (supervised("tholder"), "place in queue: 1\n"),
        (elsewhere(supervised("tholder")), ""),
        (in_container("tholder"), ""),
        (elsewhere(in_state("tholder", queued()["status"].clone())), ""),
    ];
    for (holder, expected) in cases {
        let env = TestEnv::new();
        env.set(&json!({ "max_background_tasks": 1 }));
        let mut queued = queued();
        queued["ticket"] = 2.into();
        plant(&env, "active.json", &[holder.clone(), queued]);
        let text = prints(&env, &["show", "tqueued"]);
        let place = text.lines().find(|line| line.starts_with("place in queue"));
        assert_eq!(place.unwrap_or_default(), expected.trim_end(), "{holder:#}: {text}");
    }
}

/// The status line counts what this machine does.
#[test]
fn is_not_in_the_status_line() {
    let env = TestEnv::new();
    plant(&env, "active.json", &[elsewhere(supervised("tfar")), in_container("tagent")]);
    assert_eq!(prints(&env, &["statusline"]), "");
    plant(&env, "active.json", &[elsewhere(supervised("tfar")), running("tnear", "")]);
    assert_eq!(prints(&env, &["statusline"]), "▶1\n");
}

/// It can't be stopped from here, and `--all` does not mean it.
#[test]
fn is_not_stopped_from_here() {
    let env = TestEnv::new();
    let mut far = elsewhere(supervised("tfar"));
    far["client"] = json!({ "id": "b1" });
    plant(&env, "active.json", &[far]);
    assert_eq!(prints(&env, &["cancel", "--all"]), "There is nothing to stop.\n");
    let output = env.run("sisyphus", &["cancel", "tfar"]);
    assert_eq!(output.code, Some(1), "{output:?}");
    assert!(output.stderr.contains("is out of reach, on tower"), "{output:?}");
}

fn boot_id() -> String {
    sisyphus_base::sys::boot_id().unwrap()
}

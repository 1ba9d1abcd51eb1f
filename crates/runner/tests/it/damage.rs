//! Damaged state files, or files of a later version, delay no other result.

mod full_disk;

use std::fs;
use std::path::Path;

use serde_json::Value;
use sisyphus_testing::shell::Running;
use sisyphus_testing::{Client, Shell, wait_until};

/// Sorts before the session that the test begins with.
const OTHER: &str = "session-0";

fn start(client: &mut Client, session: &str, code: i32) -> Running {
    client.switch(session);
    let running = client
        .background(&format!("echo ready; until [ -e stop ]; do sleep 0.02; done; exit {code}"));
    running.wait_for_line("ready");
    running
}

/// Two sessions, each with a result that lies in its run folder.
fn two_ended() -> Client {
    let mut client = Client::new(Shell::Bash);
    let other = start(&mut client, OTHER, 8);
    let own = start(&mut client, "session-1", 3);
    // So that only their ends are news.
    wait_until("the record that both run", || {
        client.tasks().iter().all(|task| task["status"] == "running")
    });
    client.env.close_state();
    fs::write(client.env.project().join("stop"), "").unwrap();
    assert_eq!((own.wait().status.code(), other.wait().status.code()), (Some(3), Some(8)));
    client.env.open_state();
    client
}

type Damage = fn(&Path);

/// What can't be used and not be set aside either, and how it comes into the place of a file.
const DAMAGES: [(&str, Damage); 2] = [
    ("of a version to come", |path| fs::write(path, "{\"version\": 9}").unwrap()),
    ("a folder", |path| fs::create_dir(path).unwrap()),
];

fn assert_told_once(client: &Client, what: &str, code: i32) {
    let text = client.types();
    assert_eq!(text.matches("[sisyphus] ").count(), 1, "{what}: {text:?}");
    assert!(text.contains(&format!("failed with exit code {code} after ")), "{what}: {text}");
    assert_eq!(client.types(), "", "{what}: reported twice");
}

fn listed_codes(client: &Client) -> Vec<Value> {
    let listed = client.env.run("sisyphus", &["list", "--all", "--json"]).json();
    let mut codes: Vec<Value> =
        listed["tasks"].as_array().unwrap().iter().map(|task| task["exit_code"].clone()).collect();
    codes.sort_by_key(Value::as_i64);
    codes
}

/// I9: the hooks report both results. The live state keeps them until the history takes them.
#[test]
fn a_history_that_cant_be_used_keeps_no_result_back() {
    for (what, damage) in DAMAGES {
        let mut client = two_ended();
        let failed = client.env.state().join("failed.json");
        damage(&failed);
        for (session, code) in [("session-1", 3), (OTHER, 8)] {
            client.switch(session);
            assert_told_once(&client, what, code);
            client.ends();
        }
        assert_eq!(listed_codes(&client), [3, 8], "{what}");
        // What is damaged is as it was, for a version that can make use of it.
        let text = fs::read_to_string(&failed);
        assert!(failed.is_dir() || text.unwrap() == "{\"version\": 9}", "{what}");

        fs::remove_dir(&failed).or_else(|_| fs::remove_file(&failed)).unwrap();
        client.background("true").wait();
        client.types();
        let history = client.env.state_file("failed.json");
        assert_eq!(history["tasks"].as_array().unwrap().len(), 2, "{what}: {history:#}");
    }
}

/// I9: the hooks set a malformed event and a malformed history aside, and report both results.
#[test]
fn malformed_files_are_set_aside() {
    let mut client = two_ended();
    let malformed = "{\"tasks\": [tru";
    let state = client.env.state();
    fs::create_dir_all(state.join("inbox")).unwrap();
    fs::write(state.join("failed.json"), malformed).unwrap();
    fs::write(state.join("inbox/00000000000000000001-0.json"), malformed).unwrap();
    for (session, code) in [("session-1", 3), (OTHER, 8)] {
        client.switch(session);
        assert_told_once(&client, "malformed", code);
        client.ends();
    }
    client.types();
    let failed = client.env.state_file("failed.json");
    assert_eq!(failed["tasks"].as_array().unwrap().len(), 2, "{failed:#}");
    let inbox = fs::read_dir(state.join("inbox")).unwrap().map(|entry| entry.unwrap().path());
    assert!(inbox.into_iter().any(|path| fs::read_to_string(path).unwrap() == malformed));
    assert_eq!(listed_codes(&client), [3, 8]);
}

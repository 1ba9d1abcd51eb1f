//! State files that are damaged, or of a version to come, keep nobody else's results back.

use std::fs;
use std::path::Path;

use serde_json::Value;
use sisyphus_testing::shell::Running;
use sisyphus_testing::{Client, Shell, wait_until};

/// Sorts before the session that the client begins with.
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

/// The archived tasks.
fn archived(client: &Client) -> Vec<Value> {
    let Ok(months) = fs::read_dir(client.env.state().join("archive")) else { return Vec::new() };
    let texts = months.map(|month| fs::read_to_string(month.unwrap().path()).unwrap());
    let texts: Vec<String> = texts.collect();
    texts
        .iter()
        .flat_map(|text| text.lines())
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

type Damage = fn(&Path);

/// What can't be used and not be set aside either, and how it comes into the place of a file.
const DAMAGES: [(&str, Damage); 2] = [
    ("of a version to come", |path| fs::write(path, "{\"version\": 2}").unwrap()),
    ("a folder", |path| fs::create_dir(path).unwrap()),
];

fn is_own(task: &Value) -> bool {
    task["session"] == "session-1"
}

fn assert_told_once(client: &Client, what: &str, code: i32) {
    let text = client.types();
    assert_eq!(text.matches("[sisyphus] ").count(), 1, "{what}: {text:?}");
    assert!(text.contains(&format!("failed with exit code {code} after ")), "{what}: {text}");
    assert_eq!(client.types(), "", "{what}: told twice");
}

#[test]
fn neither_a_history_nor_anothers_outbox_keeps_a_result_back() {
    for (what, damage) in DAMAGES {
        let mut client = two_ended();
        let failed = client.env.state().join("failed.json");
        let outbox = client.env.state().join(format!("outbox/{OTHER}.json"));
        fs::create_dir_all(outbox.parent().unwrap()).unwrap();
        damage(&failed);
        damage(&outbox);
        assert_told_once(&client, what, 3);
        let own: Vec<Value> = archived(&client).into_iter().filter(is_own).collect();
        let [task] = own.as_slice() else { panic!("{what}: not once in the archive: {own:#?}") };
        let status = &task["status"];
        assert_eq!((&status["outcome"], &status["exit_code"]), (&"failed".into(), &3.into()));
        // What is damaged is as it was, for whoever can make use of it.
        for path in [&failed, &outbox] {
            let text = fs::read_to_string(path);
            assert!(path.is_dir() || text.unwrap() == "{\"version\": 2}", "{what}: {path:?}");
        }

        // The other session's result has waited.
        for path in [&failed, &outbox] {
            fs::remove_dir(path).or_else(|_| fs::remove_file(path)).unwrap();
        }
        client.switch(OTHER);
        assert_told_once(&client, what, 8);
        let listed = client.env.run("sisyphus", &["list", "--all", "--json"]).json();
        let codes: Vec<&Value> =
            listed["tasks"].as_array().unwrap().iter().map(|task| &task["exit_code"]).collect();
        assert_eq!(codes.len(), 2, "{what}: {listed:#}");
        assert!(codes.contains(&&3.into()) && codes.contains(&&8.into()), "{what}: {codes:?}");
    }
}

#[test]
fn what_is_malformed_is_set_aside_and_both_results_are_told() {
    let mut client = two_ended();
    let malformed = "{\"tasks\": [tru";
    let outboxes = client.env.state().join("outbox");
    fs::create_dir_all(&outboxes).unwrap();
    fs::write(client.env.state().join("failed.json"), malformed).unwrap();
    fs::write(outboxes.join(format!("{OTHER}.json")), malformed).unwrap();
    assert_told_once(&client, "malformed", 3);
    client.switch(OTHER);
    assert_told_once(&client, "malformed", 8);
    let failed = client.env.state_file("failed.json");
    assert_eq!(failed["tasks"].as_array().unwrap().len(), 2, "{failed:#}");
    assert_eq!(archived(&client), Vec::<Value>::new());
}

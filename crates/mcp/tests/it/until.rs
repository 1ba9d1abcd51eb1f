//! `background_output` with `until`: it waits for a line.

use std::fs;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use sisyphus_testing::{Client, Shell};

use crate::model::{Model, held, let_go};

/// `until` answers with the first line that matches, as soon as it is there, and leaves the command alone. The next call
/// goes on behind it.
#[test]
fn returns_at_the_first_matching_line() {
    let client = Client::new(Shell::Bash);
    let command = "echo start; until [ -e line ]; do sleep 0.02; done; echo 'port 4711 open'; echo more; \
                   until [ -e go ]; do sleep 0.02; done; echo 'port 4712 open'";
    let running = client.background(command);
    running.wait_for_line("start");
    client.wait_until_running(&running);
    let model = Model::of(&client);
    let request = json!({ "task_id": running.id, "until": r"port \d+" });
    let call = model.begin("background_output", request, None);
    fs::write(client.env.project().join("line"), "").unwrap();
    let begin = Instant::now();
    let answer = model.end(call).good();
    assert!(begin.elapsed() < Duration::from_secs(20), "{:?}", begin.elapsed());
    assert_eq!(
        (&answer.data["matched"], &answer.data["ended"]),
        (&json!("port 4711 open"), &json!(false))
    );
    assert!(answer.text.contains("| Matched line | port 4711 open |"), "{}", answer.text);
    let output = answer.data["output"].as_str().unwrap();
    assert!(output.starts_with("port 4711 open"), "{output}");

    let again = json!({ "task_id": running.id, "until": "port" });
    assert_eq!(model.output(again).good().data["matched"], "port 4711 open");
    let_go(&client);
    let next =
        json!({ "task_id": running.id, "until": "port", "since": answer.data["next_since"] });
    assert_eq!(model.output(next).good().data["matched"], "port 4712 open");
}

#[test]
fn without_a_match_it_ends_with_the_command_or_the_time() {
    let client = Client::new(Shell::Bash);
    let running = client.background(&held(3));
    running.wait_for_line("ready");
    let model = Model::of(&client);
    let request = |more: Value| {
        let mut request = json!({ "task_id": running.id, "until": "^never" });
        request.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        request
    };
    let begin = Instant::now();
    let late = model.output(request(json!({ "timeout_ms": 300 }))).good();
    assert!(begin.elapsed() < Duration::from_secs(20), "{:?}", begin.elapsed());
    assert_eq!((&late.data["matched"], &late.data["output"]), (&Value::Null, &json!("ready")));
    let call = model.begin("background_output", request(json!({})), None);
    let_go(&client);
    let over = model.end(call).good();
    assert_eq!((&over.data["matched"], &over.data["exit_code"]), (&Value::Null, &json!(3)));
}

/// A line that no line break ends counts too: a question that the command waits at, and the last line of all.
#[test]
fn a_question_without_a_line_break_matches() {
    let client = Client::new(Shell::Bash);
    let command =
        "printf 'Continue? [y/N] '; until [ -e go ]; do sleep 0.02; done; printf 'done: 7'";
    let running = client.background(command);
    let model = Model::of(&client);
    let asked = json!({ "task_id": running.id, "until": r"\?.*\[y/N\]" });
    assert_eq!(model.output(asked).good().data["matched"], "Continue? [y/N] ");
    let_go(&client);
    let over = json!({ "task_id": running.id, "until": r"done: \d$" });
    assert_eq!(model.output(over).good().data["matched"], "Continue? [y/N] done: 7");
}

//! The fields of `background_output` that one word decides: `status`, and `result` or `error`.

use serde_json::{Value, json};
use sisyphus_testing::{Client, Shell};

use crate::model::{Model, held, let_go};

/// The documented fields of the answer about a command that has ended.
fn fields_of(command: &str, more: &Value) -> Value {
    let client = Client::new(Shell::Bash);
    let running = client.background(command);
    let id = running.id.clone();
    running.wait();
    let mut request = json!({ "task_id": id, "block": true });
    request.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let data = Model::of(&client).output(request).good().data;
    json!([data["status"], data["result"], data["error"]])
}

/// A command that ended well has a result, one that did not has an error with its last line.
#[test]
fn a_command_has_a_result_or_an_error() {
    let none = json!({});
    assert_eq!(fields_of("echo one; echo two", &none), json!(["completed", "one\ntwo", null]));
    assert_eq!(fields_of("true", &none), json!(["completed", "", null]));
    let failed = fields_of("echo one; echo 'error: <b>'; echo; exit 3", &none);
    assert_eq!(failed[0], "failed");
    assert_eq!(failed[1], Value::Null);
    let error = failed[2].as_str().unwrap();
    assert!(error.starts_with("failed with exit code 3 after "), "{error}");
    assert!(error.ends_with("; last line: error: <b>"), "{error}");
    let silent = fields_of("exit 3", &none)[2].as_str().unwrap().to_owned();
    assert!(silent.starts_with("failed with ") && !silent.contains("last line"), "{silent}");
}

/// Where the answer pages through the output, the result is still the end of it, and bounded.
#[test]
fn a_result_is_the_end_of_the_output() {
    let long = "for i in $(seq 1000); do echo line $i; done";
    let first = json!({ "since": 0, "max_chars": 50_000 });
    let fields = fields_of(long, &first);
    let result = fields[1].as_str().unwrap();
    assert!(result.starts_with("line ") && result.ends_with("\nline 1000"), "{result}");
    assert!((1_800..=2_000).contains(&result.len()), "{}", result.len());
    let page = json!({ "since": 0, "max_chars": 100 });
    assert!(fields_of(long, &page)[1].as_str().unwrap().ends_with("line 999\nline 1000"));
}

/// A running command has neither, and one that was stopped an error.
#[test]
fn only_an_end_has_a_result_or_an_error() {
    let client = Client::new(Shell::Bash);
    let running = client.background(&held(0));
    client.wait_until_running(&running);
    let model = Model::of(&client);
    let live = model.output(json!({ "task_id": running.id })).good().data;
    let fields = ["result", "error", "original_prompt"];
    assert!(fields.iter().all(|name| live.get(name).is_none()), "{live}");
    model.cancel(json!({ "task_id": running.id })).good();
    let ended = model.output(json!({ "task_id": running.id })).good().data;
    assert_eq!(ended["status"], "cancelled");
    let error = ended["error"].as_str().unwrap();
    assert!(error.starts_with("was stopped by the model") && !error.contains("ready"), "{ended}");
    let_go(&client);
}

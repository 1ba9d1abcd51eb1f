//! What the tests with real processes need.

use serde_json::Value;
use sisyphus_testing::shell::Running;
use sisyphus_testing::{Client, Output};

/// The task of a command.
pub(crate) fn task_of(client: &Client, running: &Running) -> Value {
    let tasks = client.tasks();
    let task = tasks.iter().find(|task| task["client_id"] == *running.id);
    task.unwrap_or_else(|| panic!("no {} in {tasks:#?}", running.id)).clone()
}

pub(crate) fn id_of(task: &Value) -> &str {
    task["id"].as_str().unwrap()
}

/// Checks what a command printed on success.
pub(crate) fn assert_good(output: &Output) {
    assert_eq!((output.code, output.stderr.as_str()), (Some(0), ""), "{output:?}");
}

//! What the tests with real processes need.

use serde_json::Value;
use sisyphus_testing::shell::Running;
use sisyphus_testing::{Client, Output, Process, wait_for};

/// The path of a fixture program.
pub(crate) fn fixture(client: &Client, name: &str) -> String {
    client.env.command(&format!("fixture-{name}")).get_program().to_str().unwrap().to_owned()
}

/// The process whose number is in the line `number` of the output.
pub(crate) fn printed(running: &Running, number: usize) -> Process {
    wait_for("a process number in the output", || {
        let text = running.text();
        let whole = text.rsplit_once('\n')?.0;
        Process::of(whole.lines().nth(number)?.trim().parse().ok()?)
    })
}

/// The task of a command.
pub(crate) fn task_of(client: &Client, running: &Running) -> Value {
    let tasks = client.tasks();
    let task = tasks.iter().find(|task| task["client_id"] == *running.id);
    task.unwrap_or_else(|| panic!("no {} in {tasks:#?}", running.id)).clone()
}

/// The task of a command, once it is in this state.
pub(crate) fn task_once(client: &Client, running: &Running, status: &str) -> Value {
    wait_for(&format!("a task that is {status}"), || {
        Some(task_of(client, running)).filter(|task| task["status"] == status)
    })
}

pub(crate) fn id_of(task: &Value) -> &str {
    task["id"].as_str().unwrap()
}

/// Checks what a command printed on success.
pub(crate) fn assert_good(output: &Output) {
    assert_eq!((output.code, output.stderr.as_str()), (Some(0), ""), "{output:?}");
}

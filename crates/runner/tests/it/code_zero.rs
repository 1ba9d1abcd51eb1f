//! Whose exit code 0 a command ended with is recorded, unless its shell counts all of them.

use std::fs;

use serde_json::{Value, json};
use sisyphus_testing::{Client, Shell, wait_for};

use crate::support::in_both;

/// What the record of the newest task says.
fn code_of(client: &Client, command: &str) -> Value {
    let running = client.background(command).wait();
    let task = wait_for("its end", || {
        let tasks = client.tasks();
        let found = tasks.into_iter().find(|task| task["client_id"] == running.id.as_str())?;
        (!found["ended_at"].is_null()).then_some(found)
    });
    task["exit_code_of"].clone()
}

#[test]
fn a_hidden_failure_is_not_called_a_success() {
    in_both(|client| {
        let cases = [
            (
                "(echo 47 passed; exit 1) | tail -1",
                json!({ "program": "tail", "place": "pipeline_end" }),
            ),
            ("false || true", json!({ "program": "true", "place": "after_or" })),
            ("false; true", json!({ "program": "true", "place": "at_end" })),
            ("false | false", Value::Null),
            ("set -o pipefail; echo a | cat", Value::Null),
            ("echo a", Value::Null),
        ];
        for (command, expected) in cases {
            assert_eq!(code_of(client, command), expected, "{command}");
        }
    });
}

/// Claude Code's snapshot repeats the options of the user's profile. Other hooks may set some.
#[test]
fn options_from_outside_the_command_count() {
    for (shell, sets) in [(Shell::Bash, "set -o pipefail"), (Shell::Zsh, "setopt pipefail")] {
        let mut client = Client::new(shell);
        let command = "echo a | cat";
        assert_ne!(code_of(&client, command), Value::Null);
        client.prelude = format!("{sets} && ");
        assert_eq!(code_of(&client, command), Value::Null, "{sets}");
        client.prelude = String::new();
        fs::write(client.env.path().join("snapshot.sh"), format!("{sets}\n")).unwrap();
        assert_eq!(code_of(&client, command), Value::Null, "{sets}");
    }
}

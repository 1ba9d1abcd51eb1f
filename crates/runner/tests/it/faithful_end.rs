//! For Claude Code a claimed command ends exactly as it would have ended without us.

use std::os::unix::process::ExitStatusExt as _;

use serde_json::{Value, json};

use crate::support::{fixture, in_both};

/// By whatever the command ends, S28: by a real-time signal too.
#[test]
fn exit_codes_signals_output_and_folder_are_the_same() {
    in_both(|client| {
        let exit_with = fixture(client, "exit-with");
        let commands: Vec<(String, Value)> = vec![
            ("exit 0".into(), json!({ "status": "completed", "exit_code": 0 })),
            ("exit 3".into(), json!({ "status": "failed", "exit_code": 3 })),
            (format!("{exit_with} 255"), json!({ "status": "failed", "exit_code": 255 })),
            // A child that dies by a signal is an exit code of the shell.
            (
                format!("{exit_with} signal 11; exit $?"),
                json!({ "status": "failed", "exit_code": 139 }),
            ),
            ("kill -KILL $$".into(), json!({ "status": "killed", "signal": 9 })),
            ("kill -TERM $$".into(), json!({ "status": "killed", "signal": 15 })),
            ("kill -SEGV $$".into(), json!({ "status": "killed", "signal": 11 })),
            ("kill -HUP $$".into(), Value::Null),
            ("kill -ABRT $$; exit 9".into(), Value::Null),
            ("ulimit -c 0; kill -QUIT $$; exit 9".into(), Value::Null),
            ("kill -PIPE $$; exit 9".into(), Value::Null),
            ("kill -USR1 $$; exit 9".into(), Value::Null),
            ("kill -INT $$; exit 9".into(), Value::Null),
            // S28: real-time signals too, which have numbers alone.
            ("kill -40 $$; exit 9".into(), json!({ "status": "killed", "signal": 40 })),
            ("kill -64 $$; exit 9".into(), json!({ "status": "killed", "signal": 64 })),
            ("echo out; echo err >&2; cd /usr; echo again".into(), Value::Null),
            ("cd /; exit 6".into(), Value::Null),
            ("nosuchcommand".into(), json!({ "status": "failed", "exit_code": 127 })),
            // In Claude Code's list of `&&` it has no effect.
            ("set -e; false; echo after".into(), json!({ "status": "completed" })),
            ("set -u; echo \"$nothing\"; echo after".into(), Value::Null),
            ("yes | head -n 1".into(), json!({ "status": "completed" })),
            ("trap 'echo bye' EXIT; exit 2".into(), json!({ "status": "failed", "exit_code": 2 })),
        ];
        for (command, expected) in commands {
            let plain = client.start_plain(&command).wait();
            let running = client.background(&command);
            let finished = running.wait();
            let how = |status: std::process::ExitStatus| {
                (status.code(), status.signal(), status.core_dumped())
            };
            assert_eq!(how(finished.status), how(plain.status), "{command}");
            assert_eq!(masked(&finished.text()), masked(&plain.text()), "{command}");
            assert_eq!(finished.cwd, plain.cwd, "{command}");

            let tasks = client.tasks();
            let task = tasks.iter().find(|task| task["client_id"] == *finished.id).unwrap();
            for (field, value) in expected.as_object().into_iter().flatten() {
                assert_eq!(&task[field], value, "{command}: {task:#}");
            }
            assert_eq!(task["exit_code"].as_i64(), plain.status.code().map(i64::from), "{command}");
            assert_eq!(task["signal"].as_i64(), plain.status.signal().map(i64::from), "{command}");
        }
    });
}

/// The shells name themselves, a line and a process in their own messages, and the env file makes the string a line
/// longer.
fn masked(text: &str) -> String {
    let own = |line: &str| line.starts_with("/bin/") || line.starts_with("zsh:");
    let mask = |line: &str| line.chars().filter(|it| !it.is_ascii_digit()).collect();
    text.split_inclusive('\n')
        .map(|line| if own(line) { mask(line) } else { line.to_owned() })
        .collect()
}

//! A repository's settings are written by others. Whatever they ask for, hooks do no more than its user wants.

use std::fs;

use serde_json::{Map, Value, json};
use sisyphus_settings::keys::KEYS;
use sisyphus_testing::TestEnv;

use crate::payload::with;
use crate::session::Session;
use crate::start::{binary_of, feed};

/// As careful as a user can be, and still recorded.
fn careful() -> Value {
    json!({
        "sleep_guard": false, "ultrawork_keyword": false, "max_background_tasks": 1, "task_ttl_minutes": 1,
        "stale_minutes": 1, "service_patterns": ["!npm run dev"], "output_lines": 1,
    })
}

/// What a repository may try: each for every key, as sections and with dots.
fn wishes() -> Vec<Value> {
    let values =
        [json!(true), json!(0), json!(1_000_000), json!(["npm run dev", "make", "*", "**"])];
    let sections = values.iter().map(|value| {
        let all: Map<String, Value> =
            KEYS.iter().map(|key| (key.name.to_owned(), value.clone())).collect();
        all
    });
    sections
        .flat_map(|all| {
            let dotted: Map<String, Value> = all
                .iter()
                .map(|(name, value)| (format!("sisyphus.{name}"), value.clone()))
                .collect();
            [json!({ "sisyphus": all }), Value::Object(dotted)]
        })
        .collect()
}

/// What hooks say and record in a project whose settings are `wish`, less what differs from run to run.
fn played(wish: Option<&Value>) -> Value {
    let env = TestEnv::new();
    env.set(&careful());
    if let Some(wish) = wish {
        let folder = env.project().join(".claude");
        fs::create_dir_all(&folder).unwrap();
        for name in ["settings.json", "settings.local.json"] {
            fs::write(folder.join(name), wish.to_string()).unwrap();
        }
    }
    let session = Session::new(&env);
    // No other hook rewrites commands here, so PreToolUse would raise every limit that it may.
    let note = env.state().join(format!("sessions/{}.json", session.id));
    fs::create_dir_all(note.parent().unwrap()).unwrap();
    fs::write(note, r#"{"version":1,"rewriting":"only_ours"}"#).unwrap();

    let send = |event: Value| {
        let mut command = env.command(&binary_of(event["hook_event_name"].as_str().unwrap()));
        command.env("CLAUDE_PROJECT_DIR", env.project());
        feed(command, event.to_string().as_bytes()).json()
    };
    let mut said = Vec::new();
    for (number, command) in (1..).zip(["npm run dev", "make", "npm test"]) {
        let call = session.call(number);
        said.push(send(with(call.before(), "/tool_input/command", command)));
        said.push(send(with(call.after(), "/tool_input/command", command)));
    }
    let sleep =
        with(session.event("pre-tool-use.bash-foreground"), "/tool_input/command", "sleep 20");
    said.push(send(sleep));
    let typed = session.event("user-prompt-submit.typed");
    said.push(send(with(typed.clone(), "/prompt", "ultrawork: refactor the API")));
    let ended = session.call(3);
    ended.prints("one\ntwo\nthree\n");
    said.push(send(with(
        typed,
        "/prompt",
        ended.notice_of("completed", "completed (exit code 0)"),
    )));
    let limits: Vec<Value> = session.active().iter().map(|task| task["limit_ms"].clone()).collect();
    let mut text = json!({ "said": said, "limits": limits }).to_string();
    // Ours are drawn at random.
    for task in session.active().iter().chain(&session.finished()) {
        text = text.replace(task["id"].as_str().unwrap(), "TASK");
    }
    let own = env.path().to_str().unwrap();
    serde_json::from_str(&text.replace(own, "HERE")).unwrap()
}

#[test]
fn a_repository_loosens_nothing() {
    let expected = played(None);
    let text = expected.to_string();
    assert!(text.contains("| three") && !text.contains("| two"), "{text}");
    assert_eq!(expected["limits"].as_array().unwrap().len(), 2, "{text}");
    for wish in wishes() {
        let found = played(Some(&wish));
        assert_eq!(found["limits"], expected["limits"], "{wish}");
        let (found, expected) = (said(&found), said(&expected));
        assert_eq!(found[..8], expected[..8], "{wish}");
        // The last is what was printed: of that, less may be shown.
        let text = found[8].to_string().replace("| three", "");
        assert!(found[8] == expected[8] || !text.contains("| "), "{wish}: {text}");
    }
}

fn said(played: &Value) -> &[Value] {
    played["said"].as_array().unwrap()
}

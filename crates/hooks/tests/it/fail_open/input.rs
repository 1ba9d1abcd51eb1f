//! Events that are no events.

use serde_json::{Value, json};
use sisyphus_testing::TestEnv;

use crate::payload::with;
use crate::session::Session;
use crate::start::{HOOKS, hook, log};

/// Larger than any event that a person causes.
const HUGE: usize = 50 * 1024 * 1024;

/// Every hook answers nonsense with silence and logs one line.
#[test]
fn nonsense_is_answered_with_silence() {
    for (event, payload) in HOOKS {
        let env = TestEnv::new();
        let good = Session::new(&env).event(payload);
        let text = good.to_string();
        let deep = "[".repeat(100_000) + &"]".repeat(100_000);
        let without_fields = json!({ "hook_event_name": event }).to_string();
        let cases: [(&str, Vec<u8>, &str); 12] = [
            ("nothing", Vec::new(), "the input ended after 0 bytes"),
            ("words", b"not JSON at all\n".to_vec(), "the input ended"),
            ("bytes", vec![0xff, 0, 0xfe, b'{', 0xc3, b'}'], "could not parse"),
            ("brackets", b"}]}{[".to_vec(), "could not parse"),
            ("half an event", text.as_bytes()[..text.len() / 2].to_vec(), "the input ended after"),
            ("null", b"null".to_vec(), "the input ended after"),
            ("a list", b"[1, 2]".to_vec(), "could not parse"),
            ("depth", deep.into_bytes(), "could not parse"),
            ("no fields", without_fields.into_bytes(), "could not parse"),
            ("no name", with_name(&good, Value::Null), "could not read the event's name"),
            ("an unknown name", with_name(&good, "Unheard".into()), "started for `Unheard`"),
            (
                "a session that is a path",
                with(good.clone(), "/session_id", "../../x").to_string().into_bytes(),
                "could not parse",
            ),
        ];
        for (what, input, noted) in cases {
            let before = log(&env).len();
            let output = hook(&env, event, &input);
            assert_eq!(output.stdout, "", "{event}: {what}");
            let log = &log(&env)[before..];
            assert!(log.contains(&format!(" {event}: ")), "{event}: {what}: {log:?}");
            assert!(log.contains(noted), "{event}: {what}: {log:?}");
            assert_eq!(log.lines().count(), 1, "{event}: {what}: {log:?}");
        }
        assert!(!env.state().join("active.json").exists(), "{event}");
    }
}

fn with_name(event: &Value, name: Value) -> Vec<u8> {
    with(event.clone(), "/hook_event_name", name).to_string().into_bytes()
}

/// No hook fails or panics if any one field is missing or of another type.
#[test]
fn any_field_may_be_missing_or_odd() {
    for (event, payload) in HOOKS {
        let env = TestEnv::new();
        let good = Session::new(&env).event(payload);
        for pointer in pointers(&good) {
            let _ = hook(&env, event, without(&good, &pointer).to_string().as_bytes());
            for value in [json!(null), json!(7.5), json!(true), json!("x"), json!([]), json!({})] {
                let changed = with(good.clone(), &pointer, value);
                let _ = hook(&env, event, changed.to_string().as_bytes());
            }
        }
        assert!(!log(&env).contains("panicked"), "{}", log(&env));
    }
}

/// The fields of an event, and those one level below.
fn pointers(event: &Value) -> Vec<String> {
    let mut found = Vec::new();
    for (key, value) in event.as_object().expect("an object") {
        found.push(format!("/{key}"));
        let inner = value.as_object().into_iter().flat_map(|object| object.keys());
        found.extend(inner.map(|inner| format!("/{key}/{inner}")));
    }
    found
}

fn without(event: &Value, pointer: &str) -> Value {
    let mut event = event.clone();
    let (parent, key) = pointer.rsplit_once('/').expect("a pointer");
    event.pointer_mut(parent).and_then(Value::as_object_mut).expect("an object").remove(key);
    event
}

#[test]
fn every_hook_bears_an_event_of_50_megabytes() {
    // Escaped by hand: a debug build of the test would take longer for it than the hooks do. Seven bytes each.
    let huge = r#"x\"\\ü"#.repeat(HUGE / 7);
    for (event, payload) in HOOKS {
        let env = TestEnv::new();
        let good = Session::new(&env).event(payload);
        let field = match event {
            "UserPromptSubmit" => "/prompt",
            "PreToolUse" => "/tool_input/of_a_newer_client",
            "PostToolUse" => "/tool_response/stdout",
            _ => "/last_assistant_message",
        };
        let text = with(good, field, "HUGE").to_string().replace("HUGE", &huge);
        let _ = hook(&env, event, text.as_bytes());
        // Read to its end, and understood.
        assert_eq!(log(&env), "", "{event}");
    }
}

#[test]
fn an_event_beyond_all_bounds_is_given_up_and_noted() {
    let huge = "x".repeat(HUGE * 3 / 2);
    for (event, payload) in HOOKS {
        let env = TestEnv::new();
        let good = Session::new(&env).event(payload);
        let text = with(good, "/of_a_newer_client", "HUGE").to_string().replace("HUGE", &huge);
        assert_eq!(hook(&env, event, text.as_bytes()).stdout, "", "{event}");
        assert!(log(&env).contains("the event is larger than"), "{event}: {}", log(&env));
    }
}

/// The hooks do not keep megabytes of a call in `active.json`, which every later hook reads.
#[test]
fn a_call_of_megabytes_is_not_kept() {
    let huge = "x".repeat(4 << 20);
    let cases = [
        // One argument of a process is at most 128 kB on Linux: Claude Code can't even start this command.
        ("pre-tool-use.bash-background", "/tool_input/command"),
        ("pre-tool-use.bash-background", "/tool_input/description"),
        ("post-tool-use.bash-background", "/tool_input/command"),
        ("post-tool-use.bash-background", "/tool_input/description"),
    ];
    for (payload, field) in cases {
        let env = TestEnv::new();
        let session = Session::new(&env);
        session.tell(&with(session.event(payload), field, huge.as_str()));
        let size = env.state().join("active.json").metadata().map_or(0, |file| file.len());
        assert!(size < 1 << 20, "{payload} {field}: active.json has {size} bytes");
    }
}

/// S22: half a character in any text of an event costs itself, and the call is announced as the shell will spell it.
#[test]
fn half_a_character_costs_itself() {
    let env = TestEnv::new();
    let session = Session::new(&env);
    let event = with(session.call(1).before(), "/tool_input/command", "echo HALF");
    let event = with(event, "/tool_input/description", "HALF of it");
    let text = event.to_string().replace("HALF", r"\ud83d");
    assert_eq!(hook(&env, "PreToolUse", text.as_bytes()).stdout, "");
    let [task] = session.announced().try_into().expect("one call");
    assert_eq!(task["command"], "echo \u{fffd}");
    assert_eq!(task["description"], "\u{fffd} of it");
    for (event, payload) in HOOKS {
        let env = TestEnv::new();
        let event_text = with(Session::new(&env).event(payload), "/of_a_newer_client", "HALF");
        let _ = hook(&env, event, event_text.to_string().replace("HALF", r"\udc00").as_bytes());
        assert_eq!(log(&env), "", "{event}");
    }
}

/// S22: a field that holds something unknown costs itself, and the call is announced.
#[test]
fn an_unknown_value_costs_its_field() {
    for field in ["/cwd", "/transcript_path", "/tool_input/description"] {
        for value in [json!({ "new": 1 }), json!(7), json!([]), json!(true)] {
            let env = TestEnv::new();
            let session = Session::new(&env);
            session.tell(&with(session.call(1).before(), field, value.clone()));
            assert_eq!(session.announced().len(), 1, "{field}: {value}");
            assert_eq!(log(&env), "", "{field}: {value}");
        }
    }
    for (event, payload) in HOOKS {
        for field in ["cwd", "source", "reason", "prompt", "stop_hook_active", "agent_type"] {
            let env = TestEnv::new();
            let good = Session::new(&env).event(payload);
            let _ = hook(&env, event, with(good, &format!("/{field}"), 7).to_string().as_bytes());
            assert!(!log(&env).contains("could not parse"), "{event}: {field}: {}", log(&env));
        }
    }
}

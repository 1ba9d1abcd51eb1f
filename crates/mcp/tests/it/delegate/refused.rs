//! What `delegate_task` refuses. Each refusal is one sentence that says what to do instead, and nothing starts.

use serde_json::{Value, json};

use super::stage::Stage;

fn ask(more: &Value) -> Value {
    let mut ask = json!({ "description": "d", "prompt": "p" });
    for (key, value) in more.as_object().unwrap() {
        ask[key] = value.clone();
    }
    ask
}

#[test]
fn wrong_arguments_are_named() {
    let stage = Stage::new();
    let model = stage.caller(&[]);
    for (more, words) in [
        (json!({ "prompt": " \n" }), "`prompt` is empty"),
        (json!({ "prompt": "x".repeat(1_048_577) }), "write it to a file and name that"),
        (json!({ "category": "visual" }), "name an `agent`: sisyphus:explore,"),
        (json!({ "agent": "--settings" }), "`agent` is no name of one"),
        (json!({ "worktree": "../up" }), "is in no git repository"),
        (json!({ "max_budget_usd": 0 }), "a number of dollars above 0"),
        (json!({ "timeout_ms": 604_800_001 }), "604800000, a week"),
        (json!({ "session_id": "t7" }), "no session `t7` was delegated; `background_list` shows"),
        (json!({ "unknown": 1 }), "unknown field `unknown`"),
    ] {
        let error = stage.delegate(&model, &ask(&more)).error();
        assert!(error.starts_with("delegate_task: ") && error.contains(words), "{error}");
    }
    assert_eq!(stage.started(), 0);
}

/// A caller whose rights are not known, or that has spent its depth, delegates nothing.
#[test]
fn callers_that_may_not_delegate() {
    let stage = Stage::new();
    let plain = ask(&json!({}));
    let cases = [
        ("claude", vec!["--brand-new"], json!({}), "started with `--brand-new`"),
        ("claude", vec![], json!({ "agent_id": "a1" }), "say in your answer what to delegate"),
        ("node", vec![], json!({}), "was not started by Claude Code itself"),
        ("wrapper", vec![], json!({}), "was not started by Claude Code itself"),
    ];
    for (program, args, seen, words) in cases {
        let model = stage.caller_named(program, &args);
        let error = stage.delegate_as(&model, &plain, &seen).error();
        assert!(error.contains(words) && error.matches(". ").count() == 0, "{error}");
    }
    let model = stage.caller(&[]);
    // No hook saw the call.
    let error = model.call("delegate_task", plain.clone()).error();
    assert!(error.contains("did not say which project this is; use `Agent`"), "{error}");
    for (settings, words) in [
        (json!({ "delegate_depth": 0 }), "raise `sisyphus.delegate_depth`"),
        (json!({ "background_execution": false }), "switch it on in settings.json"),
    ] {
        stage.client.env.set(&settings);
        let error = stage.delegate(&model, &plain).error();
        assert!(error.contains(words), "{error}");
    }
    assert_eq!(stage.started(), 0);
}

/// Bypassing permissions passes on only if the user has consented to it, and the answer says so.
#[test]
fn bypass_needs_consent() {
    let stage = Stage::new();
    stage.go();
    let model = stage.caller(&[]);
    let seen = json!({ "permission_mode": "bypassPermissions" });
    let mode = |number| {
        let args = stage.arguments_of(number);
        args.split_once("--permission-mode ")
            .unwrap()
            .1
            .split(' ')
            .next()
            .unwrap()
            .trim()
            .to_owned()
    };
    let answer = stage.delegate_as(&model, &ask(&json!({})), &seen).good();
    let said = "Permissions: it runs in the mode `acceptEdits`, which is less than yours";
    assert!(answer.text.contains(said), "{}", answer.text);
    assert_eq!(mode(1), "acceptEdits");
    stage.client.env.set(&json!({ "delegate_bypass": true }));
    let answer = stage.delegate_as(&model, &ask(&json!({})), &seen).good();
    assert!(!answer.text.contains("Permissions:"), "{}", answer.text);
    assert_eq!(mode(2), "bypassPermissions");
    // The hook saw no mode.
    stage.delegate_as(&model, &ask(&json!({})), &json!({})).good();
    assert_eq!(mode(3), "default");
}

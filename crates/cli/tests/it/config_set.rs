//! `sisyphus config set` and `unset`.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use serde_json::{Value, json};
use sisyphus_base::atomic;
use sisyphus_testing::TestEnv;

use crate::planted::{assert_fails, prints};

/// A settings file that people have written, with an order and a layout of their own.
const BEFORE: &str = r#"{
  "model" : "opus",

    "sisyphus": { "output_lines": 7,   "sleep_guard": false },
	"permissions": {"allow": ["Bash(npm test)"]}, "env": {}
}
"#;

fn file(env: &TestEnv) -> PathBuf {
    env.home().join(".claude/settings.json")
}

fn with(env: &TestEnv, text: &str) {
    fs::create_dir_all(env.home().join(".claude")).unwrap();
    fs::write(file(env), text).unwrap();
}

/// The text of the file after a change.
fn after(env: &TestEnv, words: &[&str]) -> String {
    prints(env, &[&["config"], words].concat());
    fs::read_to_string(file(env)).unwrap()
}

/// Only the value changes. Each other byte stays.
#[test]
fn one_value_changes_and_nothing_else() {
    let env = TestEnv::new();
    with(&env, BEFORE);
    let changed = after(&env, &["set", "output_lines", "12"]);
    assert_eq!(changed, BEFORE.replace(": 7,", ": 12,"));
    let said = prints(&env, &["config", "set", "sisyphus.output_lines", "7"]);
    assert!(said.starts_with("sisyphus.output_lines is 7, from `"), "{said}");
    assert_eq!(fs::read_to_string(file(&env)).unwrap(), BEFORE);
    let changed = after(&env, &["unset", "sleep_guard"]);
    assert_eq!(changed, BEFORE.replace(",   \"sleep_guard\": false", ""));
}

/// A new key joins the section, or makes it; a file is made if there is none.
#[test]
fn a_new_key_is_added() {
    let env = TestEnv::new();
    let said = prints(&env, &["config", "set", "max_background_tasks", "3"]);
    assert!(said.starts_with("sisyphus.max_background_tasks is 3, from `"), "{said}");
    assert_eq!(
        fs::read_to_string(file(&env)).unwrap(),
        "{\n  \"sisyphus\": {\n    \"max_background_tasks\": 3\n  }\n}\n"
    );
    with(&env, "{\"sisyphus.output_lines\": 5}");
    assert_eq!(after(&env, &["set", "output_lines", "6"]), "{\"sisyphus.output_lines\": 6}");
    with(&env, "{}");
    let all = after(&env, &["set", "background_notifications", "false"]);
    let said: Value = serde_json::from_str(&all).unwrap();
    assert_eq!(said, json!({ "sisyphus": { "background_notifications": false } }));
    // The old key changes in its place.
    with(&env, "{\"background_notifications\": true}");
    let all = after(&env, &["set", "background_notifications", "false"]);
    assert_eq!(all, "{\"background_notifications\": false}");
    with(&env, "{\"sisyphus.output_lines\": 6}");
    let said = prints(&env, &["config", "unset", "output_lines"]);
    assert_eq!(said, "sisyphus.output_lines is 20, the default\n");
}

/// Lists and objects: several words, or JSON.
#[test]
fn lists_and_objects() {
    let env = TestEnv::new();
    let text = after(&env, &["set", "service_patterns", "make dev", "npm run x"]);
    assert!(text.contains("make dev") && text.contains("npm run x"), "{text}");
    let groups = r#"{"build": {"patterns": ["cargo *"], "limit": 1}}"#;
    let text = after(&env, &["set", "groups", groups]);
    let file: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(file["sisyphus"]["groups"], serde_json::from_str::<Value>(groups).unwrap());
    assert_eq!(file["sisyphus"]["service_patterns"].as_array().unwrap().len(), 2);
}

/// What would have no effect, or only a part of it, is refused, and the file stays as it is.
#[test]
fn what_has_no_effect_is_refused() {
    let env = TestEnv::new();
    with(&env, BEFORE);
    let cases: [(&[&str], &str); 4] = [
        (&["set", "output_lines", "many"], "`many` is no value of sisyphus.output_lines: it must"),
        (&["set", "output_lines", "500"], ": it would count as 200; it must be"),
        (&["set", "output_lines", "5", "6"], "has one value"),
        (&["set", "sleep_guard", "yes"], "`yes` is no value of sisyphus.sleep_guard"),
    ];
    for (words, said) in cases {
        assert_fails(&env.run("sisyphus", &[&["config"], words].concat()), 1, said);
    }
    for (words, said) in [
        (
            &["set", "outputlines", "5"][..],
            "'outputlines' for '<KEY>': no such key; did you mean `output_lines`?",
        ),
        (&["set", "weather", "5"], "no such key; `sisyphus config` shows every key"),
        (&["unset", "weather"], "'weather' for '<KEY>': no such key; "),
    ] {
        let output = env.run("sisyphus", &[&["config"], words].concat());
        assert_eq!(output.code, Some(2), "{output:?}");
        assert!(output.stderr.contains(said), "{output:?}");
    }
    assert_eq!(fs::read_to_string(file(&env)).unwrap(), BEFORE);
    for (text, said) in [
        ("{ // mine\n}", "not JSON"),
        ("[1]", "must be one JSON object"),
        ("{\"sisyphus\": 3}", "must be an object"),
        ("{\"sisyphus\": {}, \"sisyphus\": {}}", "another line of it sets"),
    ] {
        with(&env, text);
        assert_fails(&env.run("sisyphus", &["config", "set", "output_lines", "5"]), 1, said);
        assert_eq!(fs::read_to_string(file(&env)).unwrap(), text);
    }
}

/// What is wrong with a group is said of its field alone. What is no object at all is answered with one to copy.
#[test]
fn a_wrong_group_is_answered_with_what_it_needs() {
    let env = TestEnv::new();
    let example = "{\"build\": {\"patterns\": [\"cargo *\"], \"limit\": 1}}";
    let like = |why: &str| format!("{why}it must be an object like `{example}`: at most 20 ");
    let of = |words: &[&str], said: &str| {
        let output = env.run("sisyphus", &[&["config", "set", "groups"], words].concat());
        assert_fails(&output, 1, said);
        output.stderr
    };
    let syntax = "it is not JSON (key must be a string at line 1 column 2); ";
    for (words, why) in [
        (&["build"][..], &*like("`build` is no value of sisyphus.groups: ")),
        (&["{build: 1}"], &*like(syntax)),
        (&["3"], &*like("`3` is no value of sisyphus.groups: ")),
        (&["build", "cargo *"], &*like("has one value: put it in single quotes; ")),
    ] {
        let said = of(words, why);
        assert!(said.contains(&like("")), "{said}");
    }
    for (group, why) in [
        (r#"{"patterns": "cargo *"}"#, "`b.patterns` must be a list with at least one text"),
        (r#"{"patterns": ["x"], "limit": 0}"#, "`b.limit` must be a whole number of at least 1"),
        (r#"{"patterns": ["x"], "most": 1}"#, "`b.most` is no field of a group"),
    ] {
        let said =
            of(&[&format!("{{\"b\": {group}}}")], &format!("no value of sisyphus.groups: {why}"));
        assert!(said.ends_with(&format!("{why}\n")), "{said}");
    }
    prints(&env, &["config", "set", "groups", example]);
}

/// A link to a file under version control stays a link, and the file keeps its mode.
#[test]
fn links_and_modes_stay() {
    let env = TestEnv::new();
    let dotfiles = env.home().join("dotfiles");
    fs::create_dir_all(&dotfiles).unwrap();
    fs::create_dir_all(env.home().join(".claude")).unwrap();
    let real = dotfiles.join("claude.json");
    fs::write(&real, BEFORE).unwrap();
    fs::set_permissions(&real, fs::Permissions::from_mode(0o640)).unwrap();
    symlink("../dotfiles/claude.json", file(&env)).unwrap();
    prints(&env, &["config", "set", "output_lines", "12"]);
    assert!(file(&env).is_symlink());
    assert_eq!(fs::read_to_string(&real).unwrap(), BEFORE.replace(": 7,", ": 12,"));
    assert_eq!(fs::metadata(&real).unwrap().permissions().mode() & 0o777, 0o640);
}

/// Several changes at once: each of them is in the file.
#[test]
fn parallel_changes_are_all_kept() {
    let env = TestEnv::new();
    fs::create_dir_all(env.state()).unwrap();
    let all = [("output_lines", 7), ("max_background_tasks", 4), ("task_ttl_minutes", 9)];
    let all = all.into_iter().chain([("stale_minutes", 3), ("notify_min_seconds", 5)]);
    let all: Vec<(&str, i32)> = all.chain([("delegate_depth", 0)]).collect();
    for round in 0..5 {
        with(&env, "{}");
        thread::scope(|scope| {
            for (key, value) in &all {
                let env = &env;
                scope.spawn(move || prints(env, &["config", "set", key, &value.to_string()]));
            }
        });
        let file: Value = serde_json::from_slice(&fs::read(file(&env)).unwrap()).unwrap();
        for (key, value) in &all {
            assert_eq!(file["sisyphus"][key], json!(value), "round {round}: {key} in {file:#}");
        }
    }
}

/// Claude Code may write the file between our read and our rename: its text stays, and the command says what happened.
#[test]
fn a_change_of_another_program_is_not_undone() {
    let env = TestEnv::new();
    // Long, so that an edit takes longer than the other program's pause.
    let allow: Vec<String> = (0..9000).map(|number| format!("Bash(npm run {number})")).collect();
    let text = |number: u32| json!({ "number": number, "allow": allow }).to_string();
    with(&env, &text(0));
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        let other = scope.spawn(|| {
            let mut last = String::new();
            for number in 1.. {
                last = text(number);
                atomic::write(&file(&env), last.as_bytes()).unwrap();
                if is_over.load(Ordering::Relaxed) {
                    break;
                }
            }
            last
        });
        let output = env.run("sisyphus", &["config", "set", "output_lines", "5"]);
        is_over.store(true, Ordering::Relaxed);
        // Between two of the other program's texts there may have been time for an edit.
        if output.code != Some(0) || !output.stdout.starts_with("sisyphus.output_lines is 5,") {
            assert_fails(&output, 1, "another program changes it all the time");
        }
        let last = other.join().unwrap();
        assert_eq!(fs::read_to_string(file(&env)).unwrap(), last);
    });
}

//! `sisyphus config`.

use std::fs;
use std::os::unix::fs::symlink;

use serde_json::{Value, json};
use sisyphus_testing::TestEnv;

use crate::planted::prints;
use crate::pty::Terminal;

/// Writes the settings of the project that tests run in.
fn set_in_project(env: &TestEnv, settings: &Value) {
    let folder = env.project().join(".claude");
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("settings.json"), json!({ "sisyphus": settings }).to_string()).unwrap();
}

/// One setting of `sisyphus config --json`.
fn setting(env: &TestEnv, name: &str) -> Value {
    let said: Value = serde_json::from_str(&prints(env, &["config", "--json"])).unwrap();
    assert_eq!(said["version"], 1);
    let all = said["settings"].as_array().unwrap();
    all.iter().find(|it| it["key"] == format!("sisyphus.{name}")).unwrap().clone()
}

/// `sisyphus config` prints each setting with its value, the source of the value, and the files that it refuses.
#[test]
fn settings_with_their_values_and_sources() {
    let env = TestEnv::new();
    env.set(&json!({ "output_lines": 7, "stale_minutes": "x", "service_patterns": ["make dev"] }));
    set_in_project(
        &env,
        &json!({ "output_lines": 3, "max_background_tasks": 50, "task_ttl_minutes": 90 }),
    );
    let user = env.home().join(".claude/settings.json");
    let project = env.project().join(".claude/settings.json");

    let lines = setting(&env, "output_lines");
    assert_eq!((&lines["value"], &lines["default"]), (&json!(3), &json!(20)));
    assert_eq!(lines["source"], project.to_str().unwrap());
    assert_eq!(lines["refused"], json!([]));
    let slots = setting(&env, "max_background_tasks");
    assert_eq!((&slots["value"], &slots["source"]), (&json!(5), &Value::Null));
    assert_eq!(slots["refused"], json!([project]));
    assert_eq!(setting(&env, "service_patterns")["source"], user.to_str().unwrap());
    let stale = setting(&env, "stale_minutes");
    assert_eq!((&stale["value"], &stale["source"]), (&json!(0), &Value::Null));
    for field in ["key", "value", "default", "source", "refused", "type", "meaning"] {
        assert!(stale.get(field).is_some(), "{field}");
    }

    let text = prints(&env, &["config"]);
    let line = |key: &str| text.lines().find(|line| line.starts_with(key)).unwrap();
    assert!(line("sisyphus.output_lines ").contains("3 lines"), "{text}");
    assert!(line("sisyphus.output_lines ").ends_with("proj/.claude/settings.json"), "{text}");
    assert!(line("sisyphus.stale_minutes ").contains("0 (never)"), "{text}");
    assert!(line("sisyphus.sleep_guard ").ends_with("default"), "{text}");
    assert!(
        text.contains("sets sisyphus.max_background_tasks too; it is ignored, because a project may not set that"),
        "{text}"
    );
    assert!(text.contains("sets sisyphus.task_ttl_minutes too"), "{text}");
}

#[test]
fn another_project_can_be_named() {
    let env = TestEnv::new();
    set_in_project(&env, &json!({ "sleep_guard": false }));
    assert_eq!(setting(&env, "sleep_guard")["value"], false);
    let other = env.home();
    let text = prints(&env, &["config", "--project", other.to_str().unwrap()]);
    let line = text.lines().find(|line| line.contains("sisyphus.sleep_guard ")).unwrap();
    assert!(line.contains("true") && line.ends_with("default"), "{text}");
}

#[test]
fn a_project_that_is_no_folder_is_refused() {
    let env = TestEnv::new();
    let file = env.path().join("file");
    fs::write(&file, "").unwrap();
    for project in [env.path().join("missing"), file] {
        let project = project.to_str().unwrap();
        for args in [&["config"][..], &["config", "get", "output_lines"]] {
            let output = env.run("sisyphus", &[args, &["--project", project]].concat());
            assert_eq!((output.code, output.stdout.as_str()), (Some(2), ""), "{output:?}");
            let said = format!("'{project}' for '--project <DIR>': there is no such folder; ");
            assert!(output.stderr.contains(&said), "{output:?}");
        }
    }
}

#[test]
fn hostile_settings_are_text_and_cost_nothing() {
    let env = TestEnv::new();
    set_in_project(
        &env,
        &json!({ "service_patterns": ["!\u{1b}]0;pwned\u{7}\u{1b}[2J\u{202e}x"] }),
    );
    let text = prints(&env, &["config"]);
    assert!(!text.contains(['\u{1b}', '\u{202e}', '\u{7}']), "{text:?}");
    fs::remove_file(env.project().join(".claude/settings.json")).unwrap();
    symlink("/dev/zero", env.project().join(".claude/settings.json")).unwrap();
    fs::create_dir_all(env.home().join(".claude")).unwrap();
    fs::write(env.home().join(".claude/settings.json"), vec![b'['; 3 << 20]).unwrap();
    assert_eq!(setting(&env, "output_lines")["value"], 20);
}

/// `sisyphus config` names each value that is not accepted, with its file, its key and what is expected.
#[test]
fn a_value_that_is_not_accepted_is_named() {
    let env = TestEnv::new();
    let group = json!({ "patterns": ["make *"], "limit": 0 });
    env.set(&json!({ "output_lines": "many", "sleepguard": true, "groups": { "build": group } }));
    let user = env.home().join(".claude/settings.json");
    let user = user.display();
    let text = prints(&env, &["config"]);
    for expected in [
        format!(
            "`{user}`: sisyphus.output_lines has an invalid value, so the default applies; it must be a whole number of \
             lines, at most 200\n"
        ),
        format!(
            "`{user}`: unknown key `sisyphus.sleepguard`; did you mean `sisyphus.sleep_guard`?\n"
        ),
        format!(
            "`{user}`: parts of sisyphus.groups are ignored: `build.limit` must be a whole number of at least 1; it must be"
        ),
    ] {
        assert!(text.contains(&expected), "no {expected:?} in {text}");
    }
    let said: Value = serde_json::from_str(&prints(&env, &["config", "--json"])).unwrap();
    let mistakes = said["mistakes"].as_array().unwrap();
    assert_eq!(mistakes.len(), 3, "{mistakes:?}");
    assert!(mistakes.iter().all(|it| it["message"].is_string() && it["remedy"].is_string()));
    fs::write(env.home().join(".claude/settings.json"), "{").unwrap();
    let text = prints(&env, &["config"]);
    assert!(text.contains(&format!("`{user}` is not read: ")), "{text}");
    env.set(&json!({ "output_lines": 7 }));
    assert!(!prints(&env, &["config"]).contains(&format!("`{user}`")), "nothing is wrong");
}

/// `sisyphus config get` prints one effective value for a script. A key that it does not know is an error with the nearest.
#[test]
fn one_value_for_a_script() {
    let env = TestEnv::new();
    env.set(&json!({ "output_lines": 7, "service_patterns": ["make dev"], "stale_minutes": "x" }));
    set_in_project(&env, &json!({ "output_lines": 3, "max_background_tasks": 50 }));
    for (key, value) in [
        ("output_lines", "3\n"),
        ("sisyphus.max_background_tasks", "5\n"),
        ("sleep_guard", "true\n"),
        ("stale_minutes", "0\n"),
        ("service_patterns", "[\"make dev\"]\n"),
    ] {
        let output = env.run("sisyphus", &["config", "get", key]);
        assert_eq!((output.code, output.stdout.as_str()), (Some(0), value), "{key}: {output:?}");
        // A mistake in this key does not go into the script's value, and others are not its business.
        let said = "sisyphus.stale_minutes has an invalid value, so the default applies";
        let is_its = key == "stale_minutes";
        assert_eq!(output.stderr.contains(said), is_its, "{key}: {output:?}");
        assert_eq!(output.stderr.is_empty(), !is_its, "{key}: {output:?}");
    }
    env.set(&json!({ "output_lines": 7 }));
    let home = env.home().to_str().unwrap().to_owned();
    assert_eq!(prints(&env, &["config", "get", "output_lines", "--project", &home]), "7\n");
    let unknown = env.run("sisyphus", &["config", "get", "output_line"]);
    assert_eq!((unknown.code, unknown.stdout.as_str()), (Some(2), ""), "{unknown:?}");
    assert!(unknown.stderr.contains("no such key; did you mean `output_lines`?"), "{unknown:?}");
}

/// On a small terminal each key stands without its section, so that there is room for its value and the source.
#[test]
fn a_small_terminal_shows_whole_values() {
    let env = TestEnv::new();
    let lines = |width: u16, line: &str| {
        let text = Terminal::new(&env).with("NO_COLOR", "1").sized(width, 40).run("config").stdout;
        let words = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(text.lines().any(|it| words(it) == line), "{text}");
    };
    lines(80, "sisyphus.memory_limit_mb 0 (unlimited) default");
    lines(50, "memory_limit_mb 0 (unlimited) default");
}

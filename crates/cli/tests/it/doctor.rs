//! `sisyphus doctor`: what it finds, and that it breaks over nothing.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use sisyphus_testing::{Client, Output, Shell, TestEnv, env, wait_until, write_program};

use crate::planted::tree;

/// A file of the repository.
fn of_repository(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(name)
}

/// Puts the plugin where the installer puts it.
fn install(env: &TestEnv) {
    let root = env.home().join(".claude/skills/sisyphus");
    for folder in [".claude-plugin", "hooks/bin"] {
        fs::create_dir_all(root.join(folder)).unwrap();
    }
    fs::copy(of_repository("plugin.json"), root.join(".claude-plugin/plugin.json")).unwrap();
    fs::copy(of_repository("hooks/hooks.json"), root.join("hooks/hooks.json")).unwrap();
    for name in [
        "session-start",
        "user-prompt-submit",
        "pre-tool-use",
        "post-tool-use",
        "stop",
        "subagent-start",
        "subagent-stop",
        "session-end",
        "wake",
        "run",
    ] {
        let name = format!("sisyphus-{name}");
        symlink(env.command(&name).get_program(), root.join("hooks/bin").join(name)).unwrap();
    }
}

/// Puts a fake `claude` that runs this script on the PATH.
fn put_client(env: &TestEnv, script: &str) {
    let path = env.home().join("bin/claude");
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    write_program(&path, format!("#!/bin/sh\n{script}\n"));
}

pub(crate) fn run(env: &TestEnv, args: &[&str]) -> Output {
    let mut command = env.command("sisyphus");
    let path = format!("relative:{}:/usr/bin:/bin", env.home().join("bin").display());
    // As in a person's terminal.
    command.args(args).env("PATH", path).env("TERM", "xterm");
    env::run(command, b"")
}

/// The findings, each `part level message → remedy`.
pub(crate) fn findings(env: &TestEnv) -> Vec<String> {
    let output = run(env, &["doctor", "--json"]);
    let said = output.json();
    assert_eq!(said["version"], 1);
    assert_eq!(output.code, Some(i32::from(said["healthy"] == false)), "{output:?}");
    assert_eq!(output.stderr, "");
    let all = said["findings"].as_array().unwrap().iter();
    let text = |it: &Value, field: &str| it[field].as_str().unwrap_or_default().to_owned();
    let lines = all.map(|it| {
        assert_eq!(it["remedy"].is_null(), it["level"] == "fine", "{it}");
        format!(
            "{} {} {} → {}",
            text(it, "part"),
            text(it, "level"),
            text(it, "message"),
            text(it, "remedy")
        )
    });
    lines.collect()
}

#[track_caller]
pub(crate) fn assert_found(env: &TestEnv, part: &str, level: &str, message: &str, remedy: &str) {
    let all = findings(env);
    let is_it = |line: &String| {
        line.starts_with(&format!("{part} {level} "))
            && line.contains(message)
            && line.contains(remedy)
    };
    assert!(all.iter().any(is_it), "no {part} {level} {message} → {remedy} in {all:#?}");
}

/// A home in which all is well.
pub(crate) fn healthy() -> TestEnv {
    let env = TestEnv::new();
    install(&env);
    put_client(&env, "echo '2.1.329 (Claude Code)'");
    env
}

#[test]
fn after_a_real_session_all_is_well() {
    let client = Client::new(Shell::Bash);
    install(&client.env);
    client.env.set(&json!({}));
    put_client(&client.env, "echo '2.1.329 (Claude Code)'");
    // Claude Code keeps the snippet here.
    let session_env = client.env.home().join(".claude/session-env/session-1");
    fs::create_dir_all(&session_env).unwrap();
    fs::write(session_env.join("hook.sh"), client.snippet()).unwrap();
    client.background("exit 3").wait();
    let live = client.background("echo up; sleep 300");
    live.wait_for_line("up");
    client.running_or_ended();
    let [told, notes] = ["terminal.json", "notify.json"].map(|it| client.env.state().join(it));
    // The notifier removes its notes last.
    wait_until("the failure to be shown", || told.exists() && !notes.exists());
    let before = tree(&client.env.home());
    let output = run(&client.env, &["doctor"]);
    assert_eq!((output.code, output.stderr.as_str()), (Some(0), ""), "{output:?}");
    // There is no desktop that could be asked.
    assert!(output.stdout.ends_with("Nothing is broken; 1 to note.\n"), "{}", output.stdout);
    assert_eq!(tree(&client.env.home()), before, "it changed something");
    let found = findings(&client.env).join("\n");
    for expected in [
        concat!("plugin fine plugin ", env!("CARGO_PKG_VERSION"), " in"),
        "8 hook events are wired",
        "client fine Claude Code 2.1.329",
        "lock fine the state can be locked at once",
        "events fine SessionStart: ",
        "ago (a session is first seen)",
        "ago (a background command is asked for)",
        "SessionEnd: no trace",
        "session session-1: its shells are attached",
        "1 settings file, every key of ours is valid",
        "notify note the terminal shows notifications, by its bell: could not ask the desktop",
        "nothing is left over",
    ] {
        assert!(found.contains(expected), "{expected}: {found}");
    }
}

trait Told {
    /// Lets the state know of all that has happened.
    fn running_or_ended(&self);
}

impl Told for Client {
    fn running_or_ended(&self) {
        wait_until("both to be known", || {
            let tasks = self.tasks();
            let has = |status: &str| tasks.iter().any(|task| task["status"] == status);
            has("running") && has("failed")
        });
    }
}

#[test]
fn where_nothing_was_ever_done_nothing_is_created() {
    let env = TestEnv::new();
    assert_found(&env, "plugin", "broken", "the plugin is not installed", "install.sh");
    assert_found(&env, "client", "note", "there is no `claude` on PATH", "");
    assert_found(&env, "folders", "note", "does not exist yet", "");
    assert!(!env.home().join(".claude").exists());
    let env = healthy();
    assert_eq!(run(&env, &["doctor"]).code, Some(0));
}

/// `sisyphus doctor` finds a plugin that lacks a program, has an unreadable manifest or is of another version.
#[test]
fn an_incomplete_or_mixed_plugin_is_found() {
    let env = healthy();
    let root = env.home().join(".claude/skills/sisyphus");
    fs::remove_file(root.join("hooks/bin/sisyphus-stop")).unwrap();
    assert_found(
        &env,
        "plugin",
        "broken",
        "hooks/bin/sisyphus-stop` is not executable",
        "install.sh",
    );
    fs::write(root.join(".claude-plugin/plugin.json"), r#"{"version":"9.9.9\u001b[2J"}"#).unwrap();
    let versions = concat!("has version 9.9.9, this command ", env!("CARGO_PKG_VERSION"));
    assert_found(&env, "plugin", "broken", versions, "install.sh");
    fs::write(root.join(".claude-plugin/plugin.json"), "{").unwrap();
    assert_found(&env, "plugin", "broken", "could not read", "install.sh");
    fs::write(root.join("hooks/hooks.json"), "[1, {}]").unwrap();
    findings(&env);
}

#[test]
fn a_client_that_is_too_old_or_says_nothing_is_found() {
    let env = healthy();
    for (script, level, expected) in [
        ("echo 2.1.156", "broken", "2.1.156 is too old, 2.1.157 or newer is needed"),
        ("exit 1", "note", "does not say its version"),
        ("printf '\\033]0;x\\007oops 1'", "note", "which is not a version"),
        ("yes", "note", "which is not a version"),
    ] {
        put_client(&env, script);
        assert_found(&env, "client", level, expected, "");
    }
    // `doctor` starts none from a relative folder, which may be another user's.
    fs::remove_file(env.home().join("bin/claude")).unwrap();
    let planted = env.project().join("relative/claude");
    fs::create_dir_all(planted.parent().unwrap()).unwrap();
    write_program(&planted, "#!/bin/sh\ntouch started\n");
    assert_found(&env, "client", "note", "there is no `claude`", "");
    assert!(!env.project().join("started").exists());
}

/// `sisyphus doctor` finds that the plugin or all hooks are switched off, and names the settings file that says so.
#[test]
fn a_disabled_plugin_is_found_with_its_file() {
    let env = healthy();
    let user = env.home().join(".claude/settings.json");
    let project = env.project().join(".claude/settings.local.json");
    fs::create_dir_all(project.parent().unwrap()).unwrap();
    fs::write(&user, r#"{"enabledPlugins":{"sisyphus@skills-dir":false}}"#).unwrap();
    assert_found(
        &env,
        "enabled",
        "broken",
        "switches the plugin off",
        "remove `sisyphus@skills-dir`",
    );
    // The project has the last word.
    fs::write(
        &project,
        r#"{"enabledPlugins":{"sisyphus@skills-dir":true},"disableAllHooks":true}"#,
    )
    .unwrap();
    let found = findings(&env);
    assert!(!found.iter().any(|it| it.contains("switches the plugin off")), "{found:#?}");
    assert_found(&env, "enabled", "broken", "switches every hook off", "disableAllHooks");
    assert!(found.iter().any(|it| it.contains("settings.local.json")), "{found:#?}");
}

#[test]
fn wrong_settings_are_found_with_what_was_meant() {
    let env = healthy();
    let user = env.home().join(".claude/settings.json");
    let settings = json!({
        "sisyphus": { "output_line": 3, "sleep_guard": "no", "output_lines": 900, "\u{1b}[2Jx": 1 },
        "sisyphus.output_lines": 4,
        "sisyphus.model_concurrency": { "claude opus": 1, "haiku": 2 },
    });
    fs::write(&user, settings.to_string()).unwrap();
    assert_found(
        &env,
        "settings",
        "broken",
        "unknown key `sisyphus.output_line`",
        "`sisyphus.output_lines`",
    );
    assert_found(
        &env,
        "settings",
        "broken",
        "sisyphus.sleep_guard has an invalid value",
        "true or false",
    );
    assert_found(&env, "settings", "note", "sisyphus.output_lines counts as 200", "at most 200");
    assert_found(&env, "settings", "note", "sisyphus.output_lines is set twice", "");
    assert_found(&env, "settings", "broken", "the limit `claude opus`", "name a model like `opus`");
    let text = run(&env, &["doctor"]).stdout;
    assert!(!text.contains('\u{1b}'), "{text:?}");
    for (content, expected) in [
        ("{broken".to_owned(), "is not read: not JSON"),
        ("[]".to_owned(), "is not a settings file"),
        ("[".repeat(2 << 20), "larger than"),
        ("[".repeat(100_000), "recursion limit"),
    ] {
        fs::write(&user, content).unwrap();
        assert_found(&env, "settings", "broken", expected, "");
    }
    fs::remove_file(&user).unwrap();
    symlink("/dev/zero", &user).unwrap();
    assert_found(&env, "settings", "broken", "not a regular file", "repair it");
    fs::remove_file(&user).unwrap();
    symlink(&user, &user).unwrap();
    assert_found(&env, "settings", "broken", "is not read", "");
}

#[test]
fn a_plugin_that_is_switched_off_is_noted() {
    let env = healthy();
    env.set(&serde_json::json!({ "background_execution": false }));
    let remedy = "`sisyphus config unset background_execution`";
    assert_found(&env, "settings", "note", "background_execution is false", remedy);
}

#[test]
fn what_a_project_may_not_set_is_noted() {
    let env = healthy();
    let project = env.project().join(".claude/settings.json");
    fs::create_dir_all(project.parent().unwrap()).unwrap();
    fs::write(&project, r#"{"sisyphus.max_background_tasks": 0}"#).unwrap();
    assert_found(
        &env,
        "settings",
        "note",
        "sets sisyphus.max_background_tasks to what a project may not",
        "",
    );
}

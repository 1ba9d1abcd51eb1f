//! The settings that hooks look at.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use sisyphus_testing::{TestEnv, wait_until};

use crate::agent::Agent;
use crate::payload::with;
use crate::session::Session;
use crate::start::{feed, told};

fn set(env: &TestEnv, settings: &str) {
    fs::create_dir_all(env.home().join(".claude")).unwrap();
    fs::write(env.home().join(".claude/settings.json"), settings).unwrap();
}

const OFF: &str = r#"{"sisyphus":{"background_execution":false}}"#;

/// With `background_execution` off, the hooks announce, record and attach nothing.
#[test]
fn switched_off_nothing_is_written() {
    let env = TestEnv::new();
    let session = Session::new(&env);
    set(&env, OFF);
    let env_file = env.path().join("env.sh");
    let mut command = env.command("sisyphus-session-start");
    command.env("CLAUDE_ENV_FILE", &env_file);
    let started = feed(command, session.event("session-start.startup").to_string().as_bytes());
    assert_eq!(started.stdout, "");
    assert!(!env_file.exists());

    session.call(1).starts();
    assert!(!env.runs().exists());
    assert!(!env.state().exists(), "{:?}", env.state_file("active.json"));
}

/// With `background_execution` off, UserPromptSubmit does not record a notice.
#[test]
fn switched_off_no_notice_is_recorded() {
    let env = TestEnv::new();
    let session = Session::new(&env);
    set(&env, OFF);
    let call = session.call(1);
    call.starts();
    assert_eq!(session.submits(&call.notice()).stdout, "");
    assert_eq!(session.failed(), Vec::<Value>::new());
}

#[test]
fn a_broken_settings_file_switches_nothing_off() {
    for settings in ["{broken", r#"{"sisyphus":{"background_execution":"no"}}"#, "[]", ""] {
        let env = TestEnv::new();
        let session = Session::new(&env);
        set(&env, settings);
        session.call(1).starts();
        assert_eq!(session.active().len(), 1, "{settings}");
    }
}

/// The hooks read `background_execution` also through a link and from a key with a dot.
#[test]
fn switched_off_by_a_link_or_a_dotted_key() {
    for settings in [OFF, r#"{"sisyphus.background_execution":false}"#] {
        let env = TestEnv::new();
        let session = Session::new(&env);
        let elsewhere = env.path().join("dotfiles.json");
        fs::write(&elsewhere, settings).unwrap();
        fs::create_dir_all(env.home().join(".claude")).unwrap();
        symlink(&elsewhere, env.home().join(".claude/settings.json")).unwrap();
        session.call(1).starts();
        assert!(!env.state().exists(), "{settings}: {:?}", env.state_file("active.json"));
    }
}

/// The hooks ignore settings that link to a device or a pipe, and lose no time over them.
#[test]
fn endless_settings_switch_nothing_off() {
    let pipe = |env: &TestEnv| {
        let path = env.path().join("pipe");
        nix::unistd::mkfifo(&path, nix::sys::stat::Mode::S_IRWXU).unwrap();
        path
    };
    let targets: [&dyn Fn(&TestEnv) -> PathBuf; 2] = [&|_| "/dev/zero".into(), &pipe];
    for target in targets {
        let env = TestEnv::new();
        let session = Session::new(&env);
        let target = target(&env);
        fs::create_dir_all(env.home().join(".claude")).unwrap();
        symlink(&target, env.home().join(".claude/settings.json")).unwrap();
        let begun = Instant::now();
        session.call(1).starts();
        assert!(begun.elapsed() < Duration::from_secs(2), "{}", target.display());
        assert_eq!(session.active().len(), 1, "{}", target.display());
    }
}

#[test]
fn as_many_lines_are_shown_as_the_user_wants() {
    for (settings, expected) in [
        ("{}", 20),
        (r#"{"sisyphus":{"output_lines":3}}"#, 3),
        (r#"{"sisyphus":{"output_lines":-3}}"#, 20),
    ] {
        let env = TestEnv::new();
        let session = Session::new(&env);
        set(&env, settings);
        let call = session.call(1);
        call.starts();
        let output: String = (1..=50).map(|number| format!("line {number}\n")).collect();
        call.prints(&output);
        let text = told(&session.submits(&call.notice()));
        let shown: Vec<&str> = text.lines().filter(|line| line.starts_with("| line ")).collect();
        assert_eq!(shown.len(), expected, "{settings}: {text}");
        assert_eq!(shown.last(), Some(&"| line 50"), "{text}");
    }
}

/// Of a success the last five lines are enough, or fewer if the user wants fewer.
#[test]
fn a_success_shows_five_lines() {
    for (settings, expected) in [("{}", 5), (r#"{"sisyphus":{"output_lines":3}}"#, 3)] {
        let env = TestEnv::new();
        let session = Session::new(&env);
        set(&env, settings);
        let call = session.call(1);
        call.starts();
        call.prints(&"a line\n".repeat(50));
        let text = told(&session.submits(&call.notice_of("completed", "completed (exit code 0)")));
        assert_eq!(text.matches("\n| a line").count(), expected, "{settings}: {text}");
    }
}

#[test]
fn a_service_is_what_the_user_calls_one() {
    let cases = [("make dev", true), ("make", false), ("npm start", false), ("npm run dev", true)];
    for (command, service) in cases {
        // Beside another announced call one that is no service may have to wait.
        let env = TestEnv::new();
        let session = Session::new(&env);
        let note = env.state().join(format!("sessions/{}.json", session.id));
        fs::create_dir_all(note.parent().unwrap()).unwrap();
        fs::write(note, r#"{"version":1,"rewriting":"only_ours"}"#).unwrap();
        set(&env, r#"{"sisyphus":{"service_patterns":["make dev", 7, "!npm start"]}}"#);
        let event = with(session.call(1).before(), "/tool_input/command", command);
        let raised = session.send(&event).json()["hookSpecificOutput"]["updatedInput"].clone();
        assert_eq!(raised["timeout"] == 7_200_000, service, "{command}: {raised}");
    }
}

/// Fires the announcement of a background command in a project whose own settings are these.
fn announced_in_project(env: &TestEnv, user: &str, project: &str) -> usize {
    set(env, user);
    let session = Session::new(env);
    let folder = env.project().join(".claude");
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("settings.json"), project).unwrap();
    let mut command = env.command("sisyphus-pre-tool-use");
    command.env("CLAUDE_PROJECT_DIR", env.project());
    assert_eq!(feed(command, session.call(1).before().to_string().as_bytes()).stdout, "");
    session.announced().len()
}

#[test]
fn a_project_may_switch_us_off_and_never_on() {
    for (user, project, expected) in [
        ("{}", OFF, 0),
        (OFF, r#"{"sisyphus":{"background_execution":true}}"#, 0),
        ("{}", r#"{"sisyphus":{"background_execution":true}}"#, 1),
        ("{}", "{broken", 1),
    ] {
        assert_eq!(announced_in_project(&TestEnv::new(), user, project), expected, "{project}");
    }
}

/// PreToolUse takes a project's time limit only if it is shorter than the user's.
#[test]
fn a_project_only_shortens_a_time_limit() {
    let ttl = |minutes: u32| format!(r#"{{"sisyphus":{{"task_ttl_minutes":{minutes}}}}}"#);
    for (user, project, expected) in [(30, 60, 30), (30, 5, 5), (5, 0, 5)] {
        let env = TestEnv::new();
        announced_in_project(&env, &ttl(user), &ttl(project));
        let task = &Session::new(&env).announced()[0];
        assert_eq!(task["limit_ms"], expected * 60_000, "{user} {project}: {task}");
    }
}

/// PreToolUse announces the lower of the user's memory limit and that of a project; without one it says nothing of it.
#[test]
fn a_memory_limit_is_announced() {
    let file = |mb: &str| format!(r#"{{"sisyphus":{{"memory_limit_mb":{mb}}}}}"#);
    for (user, project, expected) in [
        ("512", "1024", json!(512)),
        ("512", "64", json!(64)),
        ("0", "64", json!(64)),
        ("0", "0", json!(null)),
    ] {
        let env = TestEnv::new();
        announced_in_project(&env, &file(user), &file(project));
        let task = &Session::new(&env).announced()[0];
        assert_eq!(task["memory_limit_mb"], expected, "{user} {project}: {task}");
    }
}

/// With `on_complete`, the end of an agent starts the program. Without it, the hooks start no notifier for an agent.
#[test]
fn on_complete_hears_of_an_agent() {
    for is_set in [true, false] {
        let env = TestEnv::new();
        let session = Session::new(&env);
        let heard = env.path().join("heard");
        let script = format!("echo $SISYPHUS_KIND $SISYPHUS_STATUS >{}", heard.display());
        if is_set {
            env.set(&json!({ "on_complete": ["bash", "-c", script] }));
        }
        let agent = Agent::new(&session, 1);
        for event in [agent.before(), agent.after(), agent.starts(), agent.stops("done")] {
            session.tell(&event);
        }
        if is_set {
            let text = || fs::read_to_string(&heard).unwrap_or_default();
            wait_until("the program", || text() == "agent completed\n");
        }
        assert_eq!(env.state().join("notify.lock").exists(), is_set);
    }
}

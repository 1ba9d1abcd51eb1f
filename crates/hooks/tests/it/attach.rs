//! SessionStart puts the snippet in front of the session's commands, and the runner where the snippet looks for it.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

use sisyphus_testing::{Output, TestEnv};

use crate::session::Session;
use crate::start::{feed, log, told};

/// The session's env file, and SessionStart with it.
struct Starting<'a> {
    session: Session<'a>,
    env_file: PathBuf,
}

impl<'a> Starting<'a> {
    fn new(env: &'a TestEnv) -> Self {
        Self { session: Session::new(env), env_file: env.path().join("env.sh") }
    }

    fn start(&self, name: &str) -> Output {
        let mut command = self.session.env.command("sisyphus-session-start");
        command.env("CLAUDE_ENV_FILE", &self.env_file);
        feed(command, self.session.event(name).to_string().as_bytes())
    }

    fn content(&self) -> String {
        fs::read_to_string(&self.env_file).unwrap_or_default()
    }

    fn runner(&self) -> PathBuf {
        let name = concat!("bin/sisyphus-run-", env!("CARGO_PKG_VERSION"));
        self.session.env.state().join(name)
    }
}

/// SessionStart appends the snippet to the environment file once, and keeps what is there.
#[test]
fn the_snippet_is_appended_once() {
    let env = TestEnv::new();
    let starting = Starting::new(&env);
    fs::write(&starting.env_file, "export A=1\nexport B=2").unwrap();
    assert_eq!(starting.start("session-start.startup").stdout, "");
    let once = starting.content();
    assert!(once.starts_with("export A=1\nexport B=2\nif [ -e '"), "{once}");
    assert_eq!(once.lines().count(), 3, "{once}");
    for path in [starting.runner(), starting.session.announced_dir()] {
        assert!(once.contains(&format!("'{}'", path.display())), "{}: {once}", path.display());
    }
    for again in ["session-start.startup", "session-start.resume"] {
        assert_eq!(starting.start(again).stdout, "");
        assert_eq!(starting.content(), once);
    }
    assert_eq!(log(&env), "");
}

#[test]
fn the_runner_is_copied_and_an_old_one_replaced() {
    let env = TestEnv::new();
    let starting = Starting::new(&env);
    let _ = starting.start("session-start.startup");
    let bundled = fs::read(env.command("sisyphus-run").get_program()).unwrap();
    assert!(fs::read(starting.runner()).unwrap() == bundled, "the runner is another file");
    assert_ne!(starting.runner().metadata().unwrap().permissions().mode() & 0o100, 0);

    fs::write(starting.runner(), "an old one").unwrap();
    let _ = starting.start("session-start.resume");
    assert!(fs::read(starting.runner()).unwrap() == bundled, "the old runner is still there");
    let entries = fs::read_dir(env.state().join("bin")).unwrap();
    let paths = entries.map(|entry| entry.unwrap().path());
    // Where the notifier is stands beside it, if there is one.
    let others: Vec<_> = paths.filter(|path| !path.ends_with("notifier")).collect();
    assert_eq!(others, [starting.runner()], "nothing is left behind");
}

#[test]
fn every_folder_is_for_its_owner_only() {
    let env = TestEnv::new();
    let starting = Starting::new(&env);
    let _ = starting.start("session-start.startup");
    for name in ["", "bin", "sessions"] {
        let folder = env.state().join(name);
        let mode = folder.metadata().unwrap().permissions().mode() & 0o7777;
        assert_eq!(mode, 0o700, "{}", folder.display());
    }
}

#[test]
fn what_was_found_out_of_the_session_is_noted() {
    let env = TestEnv::new();
    let starting = Starting::new(&env);
    let file = format!("sessions/{}.json", starting.session.id);
    let _ = starting.start("session-start.startup");
    let noted = env.state_file(&file)["rewriting"].clone();
    assert!(noted == "only_ours" || noted == "maybe_others", "{noted}");

    fs::write(
        env.home().join(".claude/settings.json"),
        r#"{"hooks":{"PreToolUse":[{"matcher":"Bash","hooks":[]}]}}"#,
    )
    .unwrap();
    let _ = starting.start("session-start.resume");
    assert_eq!(env.state_file(&file)["rewriting"], "maybe_others");
}

/// SessionStart prints owed results when a session resumes, and again, marked, if no prompt followed. It prints nothing
/// when one starts.
#[test]
fn a_resumed_session_gets_what_it_is_owed() {
    let env = TestEnv::new();
    let starting = Starting::new(&env);
    starting.session.owe(1, None, 60);
    assert_eq!(starting.start("session-start.startup").stdout, "");
    let output = starting.start("session-start.resume");
    assert!(told(&output).contains("failed with exit code 3"), "{output:?}");
    let again = told(&starting.start("session-start.resume"));
    assert!(again.starts_with("(possibly repeated) "), "{again}");
}

/// Without an environment file, SessionStart attaches nothing and logs no error.
#[test]
fn without_an_env_file_nothing_is_attached() {
    let env = TestEnv::new();
    let session = Session::new(&env);
    session.tell(&session.event("session-start.startup"));
    assert!(!env.state().join("bin").exists());
    assert_eq!(log(&env), "");
}

#[test]
fn a_path_with_a_quote_is_not_put_into_a_shell() {
    let env = TestEnv::new();
    let starting = Starting::new(&env);
    let mut command = env.command("sisyphus-session-start");
    command.env("CLAUDE_ENV_FILE", &starting.env_file);
    command.env("SISYPHUS_STATE_DIR", env.path().join("it's"));
    let event = starting.session.event("session-start.startup");
    assert_eq!(feed(command, event.to_string().as_bytes()).stdout, "");
    assert_eq!(starting.content(), "");
    let log = fs::read_to_string(env.path().join("it's/hooks.log")).unwrap();
    assert!(log.contains("a path holds a quote"), "{log}");
}

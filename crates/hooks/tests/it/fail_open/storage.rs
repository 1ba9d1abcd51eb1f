//! A state folder that can't be written to.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use sisyphus_testing::{SmallDisk, TestEnv};

use crate::session::Session;
use crate::start::{HOOKS, Started, binary_of, feed, log};

#[test]
fn every_hook_is_silent_where_there_can_be_no_state() {
    // Root ignores modes, so these are places where no user can create anything.
    for state in ["/dev/null", "/dev/null/x", "/proc/sisyphus", "/proc/self/fdinfo/x/y", "FILE"] {
        for (event, payload) in HOOKS {
            let env = TestEnv::new();
            let session = Session::new(&env);
            let file = env.path().join("file");
            fs::write(&file, "not a folder").unwrap();
            let state = if state == "FILE" { file.as_path() } else { Path::new(state) };
            let mut command = env.command(&binary_of(event));
            command.env("SISYPHUS_STATE_DIR", state);
            command.env("CLAUDE_ENV_FILE", env.path().join("env.sh"));
            let output = feed(command, session.event(payload).to_string().as_bytes());
            assert_eq!(output.stdout, "", "{event} with {}", state.display());
            assert_eq!(fs::read_to_string(&file).unwrap(), "not a folder");
            let announced = env.runs().join("announced").exists();
            assert!(!announced, "{event}: announced what was not recorded");
            assert!(
                !env.path().join("env.sh").exists(),
                "{event}: attached to a runner that is not there"
            );
        }
    }
}

/// S27: if a hook can't write to the state, it logs the error in the user's own folder. The log is bounded, and only
/// its owner can read it. `sisyphus doctor` reports it.
#[test]
fn an_unwritable_state_is_logged_elsewhere() {
    use std::os::unix::fs::PermissionsExt as _;
    for state in ["/dev/null", "/proc/sisyphus"] {
        let env = TestEnv::new();
        let session = Session::new(&env);
        let hook = || {
            let mut command = env.command("sisyphus-pre-tool-use");
            command.env("SISYPHUS_STATE_DIR", state);
            feed(command, session.call(1).before().to_string().as_bytes())
        };
        assert_eq!(hook().stdout, "");
        let path = env.runtime().join("hooks.log");
        let log = fs::read_to_string(&path).unwrap();
        assert!(log.contains(" PreToolUse: could not "), "{log}");
        assert!(log.contains(&format!("(state in `{state}`)")), "{log}");
        for (path, mode) in [(env.runtime(), 0o700), (path.as_path(), 0o600)] {
            assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, mode);
        }
        let doctor = env.run("sisyphus", &["doctor"]).stdout;
        let lines = format!("{} log lines in the last day, the latest: ", log.lines().count());
        assert!(doctor.contains(&lines), "{doctor}");
        assert!(doctor.contains(path.to_str().unwrap()), "{doctor}");
        fs::write(&path, "x".repeat(300 * 1024)).unwrap();
        assert_eq!(hook().stdout, "");
        let older = path.with_extension("log.1");
        assert_eq!(older.metadata().unwrap().len(), 300 * 1024);
        assert!(fs::read_to_string(&path).unwrap().len() < 1024);
    }
}

/// No hook fails if a file or a folder is in the place of any part of the state.
#[test]
fn a_misplaced_file_stops_no_hook() {
    for part in [
        "inbox",
        "announced",
        "runs",
        "sessions",
        "output",
        "bin",
        "state.lock/x",
        "hooks.log/x",
        "active.json/x",
    ] {
        let env = TestEnv::new();
        let session = Session::new(&env);
        // With a slash: a folder in the place of a file.
        let place = env.state().join(part);
        fs::create_dir_all(place.parent().unwrap()).unwrap();
        fs::write(place, "").unwrap();
        for (event, payload) in HOOKS {
            let mut command = env.command(&binary_of(event));
            command.env("CLAUDE_ENV_FILE", env.path().join("env.sh"));
            let _ = feed(command, session.event(payload).to_string().as_bytes());
        }
        if !part.starts_with("hooks.log") && part != "output" {
            assert_ne!(log(&env), "", "{part}");
        }
    }
}

#[test]
fn every_hook_is_silent_without_a_home() {
    for (event, payload) in HOOKS {
        let env = TestEnv::new();
        let mut command = env.command(&binary_of(event));
        command.env_remove("HOME");
        let event = Session::new(&env).event(payload).to_string();
        assert_eq!(feed(command, event.as_bytes()).stdout, "", "{event}");
        assert!(!env.runs().exists(), "{event}");
    }
}

/// Without `HOME`, PreToolUse announces the call in the folder that `SISYPHUS_STATE_DIR` names.
#[test]
fn a_state_folder_needs_no_home() {
    let env = TestEnv::new();
    let mut command = env.command("sisyphus-pre-tool-use");
    command.env_remove("HOME").env("SISYPHUS_STATE_DIR", env.state());
    let session = Session::new(&env);
    assert_eq!(feed(command, session.call(1).before().to_string().as_bytes()).stdout, "");
    assert_eq!(session.announced().len(), 1);
}

#[test]
fn a_full_disk_stops_no_hook_and_damages_no_state() {
    for (event, payload) in HOOKS {
        let env = TestEnv::new();
        let session = Session::new(&env);
        session.call(1).starts();
        session.tell(&session.call(2).before());
        session.owe(3, None, 60);
        // What SessionEnd forgets would make room for what it writes.
        fs::remove_file(session.announced_dir().join("b1.run")).unwrap();
        // SessionStart finds no room for it.
        fs::remove_dir_all(env.state().join("bin")).unwrap();
        let Some(disk) = SmallDisk::with_state_of(&env) else { return };
        let active = || fs::read_to_string(env.state().join("active.json")).unwrap();
        let before = active();
        disk.fill();
        let mut command = env.command(&binary_of(event));
        command.env("CLAUDE_ENV_FILE", env.path().join("env.sh"));
        let output = feed(command, session.event(payload).to_string().as_bytes());
        // A hook may list what still runs at any time. It prints a result only if it can note that.
        let untold = output.stdout.is_empty() || event == "SessionStart";
        assert!(untold && !output.stdout.contains("exit code 3"), "{event}: {}", output.stdout);
        disk.make_room();
        assert_eq!(active(), before, "{event}");
        let left: Vec<String> = fs::read_dir(env.state())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .filter(|name| name.contains("tmp") || name.contains("corrupt"))
            .collect();
        assert_eq!(left, Vec::<String>::new(), "{event}");
        assert!(
            !env.path().join("env.sh").exists(),
            "{event}: attached to a runner that is not there"
        );
    }
}

#[test]
fn a_full_standard_output_and_a_full_log_stop_no_hook() {
    let env = TestEnv::new();
    let session = Session::new(&env);
    session.owe(1, None, 60);
    symlink("/dev/full", env.state().join("hooks.log")).unwrap();
    for (event, payload) in HOOKS {
        let full = fs::File::options().write(true).open("/dev/full").unwrap();
        let mut started = Started::printing_to(full.into(), env.command(&binary_of(event)));
        started.give(session.event(payload).to_string().as_bytes());
        let _ = started.end();
    }
}

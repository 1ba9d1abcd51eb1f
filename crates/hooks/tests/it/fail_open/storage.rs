//! A state folder that can't be written to.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

use sisyphus_testing::TestEnv;

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

/// Mounts 64 kB at the state folder, in a mount namespace of its own that ends with the hook; brings the state along,
/// leaves no byte free, runs the hook, and shows what became of the state.
const ON_A_FULL_DISK: &str = r#"
    state=$1 before=$2 after=$3; shift 3
    mount -t tmpfs -o size=64k,mode=700 none "$state" || exit 77
    cp -R "$before/." "$state" || exit 78
    cat /dev/zero >"$state/filler" 2>/dev/null
    "$@"; code=$?
    rm "$state/filler"
    cp -R "$state/." "$after"
    exit $code
"#;

fn on_a_full_disk(env: &TestEnv, binary: &str) -> Command {
    let hook = env.command(binary);
    let mut command = Command::new("unshare");
    env.apply(&mut command);
    if !nix::unistd::geteuid().is_root() {
        command.arg("--map-root-user");
    }
    command.args(["--mount", "sh", "-c", ON_A_FULL_DISK, "sh"]);
    command.args([env.state(), env.path().join("before"), env.path().join("after")]);
    command.arg(hook.get_program());
    command
}

/// Whether this user may mount; containers often forbid it.
fn may_mount(env: &TestEnv) -> bool {
    fs::create_dir_all(env.state()).unwrap();
    for name in ["before", "after"] {
        fs::create_dir_all(env.path().join(name)).unwrap();
    }
    let mut probe = on_a_full_disk(env, "sisyphus-stop");
    probe.stdin(std::process::Stdio::null());
    probe.output().is_ok_and(|output| output.status.success())
}

#[test]
fn a_full_disk_stops_no_hook_and_damages_no_state() {
    if !may_mount(&TestEnv::new()) {
        eprintln!("not tested: mounting is not permitted here");
        return;
    }
    for (event, payload) in HOOKS {
        let env = TestEnv::new();
        let session = Session::new(&env);
        session.call(1).starts();
        session.tell(&session.call(2).before());
        session.owe(3, None, 60);
        // What SessionEnd forgets would make room for what it writes.
        fs::remove_file(session.announced_dir().join("b1.run")).unwrap();
        // The small disk has no room for it.
        fs::remove_dir_all(env.state().join("bin")).unwrap();
        fs::rename(env.state(), env.path().join("before")).unwrap();
        fs::create_dir(env.state()).unwrap();
        fs::create_dir(env.path().join("after")).unwrap();

        let mut command = on_a_full_disk(&env, &binary_of(event));
        command.env("CLAUDE_ENV_FILE", env.path().join("env.sh"));
        let output = feed(command, session.event(payload).to_string().as_bytes());
        // A hook may list what still runs at any time. It prints a result only if it can note that.
        let untold = output.stdout.is_empty() || event == "SessionStart";
        assert!(untold && !output.stdout.contains("exit code 3"), "{event}: {}", output.stdout);
        let [before, after] = ["before", "after"]
            .map(|dir| fs::read_to_string(env.path().join(dir).join("active.json")));
        assert_eq!(after.unwrap(), before.unwrap(), "{event}");
        let left: Vec<String> = fs::read_dir(env.path().join("after"))
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

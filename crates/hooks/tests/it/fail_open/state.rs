//! State files that are broken, or of a version to come.

use std::fs;
use std::path::Path;

use sisyphus_testing::TestEnv;

use crate::session::Session;
use crate::start::{HOOKS, log, told};

/// What may become of a file when a machine dies, or a person edits it.
const BROKEN: [&str; 5] = [
    "",
    "{\"tasks\": [tru",
    "\0\0\0\0\0\0\0\0",
    "{\"tasks\": {}, \"owed\": 1, \"rewriting\": []}",
    "[]x",
];

fn put(path: &Path, content: &str) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, content).unwrap();
}

/// The contents of the files that were set aside in the place of `path`, and the reasons beside them.
fn set_aside(path: &Path) -> (Vec<String>, Vec<String>) {
    let name = format!("{}.corrupt-", path.file_name().unwrap().to_str().unwrap());
    let entries = fs::read_dir(path.parent().unwrap()).unwrap().map(|entry| entry.unwrap().path());
    let found =
        entries.filter(|path| path.file_name().unwrap().to_string_lossy().starts_with(&name));
    let (reasons, files): (Vec<_>, Vec<_>) =
        found.partition(|path| path.extension().is_some_and(|extension| extension == "reason"));
    let read = |paths: Vec<_>| paths.iter().map(|path| fs::read_to_string(path).unwrap()).collect();
    (read(files), read(reasons))
}

/// The hooks set a broken `active.json` aside, whichever of them meets it, and record the next call.
#[test]
fn a_broken_list_is_set_aside() {
    for broken in BROKEN {
        for (event, payload) in HOOKS {
            let env = TestEnv::new();
            let session = Session::new(&env);
            let path = env.state().join("active.json");
            put(&path, broken);
            let _ = session.send(&session.event(payload));
            session.call(7).of_command("make").starts();
            let active = session.active();
            assert!(active.iter().any(|it| it["tool_use_id"] == "toolu_7"), "{event}: {active:?}");
            let (files, reasons) = set_aside(&path);
            assert_eq!(files, [broken], "{event}");
            assert!(reasons.len() == 1 && reasons[0].contains("is malformed"), "{reasons:?}");
        }
    }
}

/// S18: a broken list loses the owed results in it. The hooks find what runs again in its run folder.
#[test]
fn a_broken_list_holds_no_result_back() {
    for broken in BROKEN {
        let env = TestEnv::new();
        let session = Session::new(&env);
        let call = session.call(1);
        call.starts();
        let runner = call.is_attached();
        put(&env.state().join("active.json"), broken);
        session.tell(&session.event("stop.idle"));
        let [task] = session.active().try_into().unwrap();
        assert_eq!(task["command"], "sleep 6; echo hello-out; exit 4");
        call.has_ended(4, 10);
        drop(runner);
        let output = session.send(&session.event("stop.idle"));
        assert!(told(&output).contains("exit code 4"), "{broken}: {output:?} {}", log(&env));
    }
}

#[test]
fn a_broken_list_of_tasks_holds_no_end_back() {
    let env = TestEnv::new();
    let session = Session::new(&env);
    let call = session.call(1);
    call.starts();
    put(&env.state().join("active.json"), BROKEN[0]);
    let output = session.submits(&call.notice());
    assert!(told(&output).contains("failed with exit code 4"), "{output:?} {}", log(&env));
}

/// PostToolUse sets a broken `active.json` aside and records the started command as observed.
#[test]
fn a_broken_list_and_a_started_command() {
    let env = TestEnv::new();
    let session = Session::new(&env);
    let path = env.state().join("active.json");
    put(&path, BROKEN[0]);
    session.tell(&session.call(1).after());
    assert_eq!(set_aside(&path).0, [BROKEN[0]], "{}", log(&env));
    assert_eq!(session.active().len(), 1, "{}", log(&env));
}

/// The hooks set a broken event of the inbox aside, and deliver the next result.
#[test]
fn a_broken_event_is_set_aside() {
    for broken in BROKEN {
        for (event, payload) in HOOKS {
            let env = TestEnv::new();
            let session = Session::new(&env);
            let posted = env.state().join("inbox/00000000000000000001-00.json");
            put(&posted, broken);
            let _ = session.send(&session.event(payload));
            let text = told(&session.submits(&session.call(7).notice()));
            assert!(text.contains("failed with exit code 4"), "{event}: {text:?} {}", log(&env));
            assert!(!posted.exists(), "{event}");
            assert_eq!(set_aside(&posted).0, [broken], "{event}");
            assert!(log(&env).contains("00000000000000000001-00.json"), "{}", log(&env));
        }
    }
}

/// While the session's note is broken, PreToolUse changes no call. SessionStart sets the note aside.
#[test]
fn a_broken_session_note_is_set_aside() {
    for broken in BROKEN {
        let env = TestEnv::new();
        let session = Session::new(&env);
        let name = format!("sessions/{}.json", session.id);
        let path = env.state().join(&name);
        put(&path, broken);
        let service = crate::payload::with(session.call(1).before(), "/tool_input/command", "vite");
        session.tell(&service);
        assert_eq!(session.announced().len(), 1);
        session.tell(&session.event("session-start.startup"));
        assert_eq!(set_aside(&path).0, [broken]);
        assert!(env.state_file(&name)["rewriting"].is_string());
    }
}

/// The hook that files the next end sets a broken history aside.
#[test]
fn a_broken_history_is_set_aside() {
    let env = TestEnv::new();
    let session = Session::new(&env);
    let path = env.state().join("failed.json");
    put(&path, BROKEN[1]);
    let call = session.call(1);
    call.starts();
    assert!(told(&session.submits(&call.notice())).contains("failed with exit code 4"));
    session.time_goes_by();
    assert_eq!(session.types().stdout, "");
    assert_eq!(env.state_file("failed.json")["tasks"].as_array().map(Vec::len), Some(1));
    assert_eq!(set_aside(&path).0, [BROKEN[1]]);
}

#[test]
fn a_list_of_tasks_of_a_newer_version_is_left_alone() {
    for newer in
        ["{\"version\": 3, \"tasks\": []}", "{\"version\": 9, \"tasks\": {\"by\": \"id\"}}"]
    {
        for (event, payload) in HOOKS {
            let env = TestEnv::new();
            let session = Session::new(&env);
            let path = env.state().join("active.json");
            put(&path, newer);
            assert_eq!(session.send(&session.event(payload)).stdout, "", "{event}");
            assert_eq!(fs::read_to_string(&path).unwrap(), newer, "{event}");
            assert_eq!(set_aside(&path).0, Vec::<String>::new(), "{event}");
            // A call is announced beside it.
            let expected = event != "PreToolUse";
            assert_eq!(log(&env).contains("update sisyphus"), expected, "{event}: {}", log(&env));
        }
    }
}

/// The hooks replace an `active.json` of gigabytes, and record the next call.
#[test]
fn a_huge_list_stops_no_hook_for_ever() {
    for (event, payload) in HOOKS {
        let env = TestEnv::new();
        let session = Session::new(&env);
        let path = env.state().join("active.json");
        put(&path, "");
        // All holes: larger than what is read, and nothing on disk.
        fs::File::options().write(true).open(&path).unwrap().set_len(1 << 32).unwrap();
        let _ = session.send(&session.event(payload));
        session.call(7).of_command("make").starts();
        let size = path.metadata().unwrap().len();
        assert!(size < 1 << 20, "{event}: still {size} bytes, {}", log(&env));
        assert!(session.active().iter().any(|it| it["tool_use_id"] == "toolu_7"), "{event}");
    }
}

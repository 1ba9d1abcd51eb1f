//! `sisyphus doctor` on folders, state files, the lock, sessions and run folders.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};

use nix::fcntl::{Flock, FlockArg};
use serde_json::json;
use sisyphus_testing::TestEnv;

use crate::doctor::{assert_found, findings, healthy, run};
use crate::planted::{ended, plant, plant_text, running, tree};

#[test]
fn folders_and_files_of_others_are_found() {
    let env = healthy();
    plant(&env, "completed.json", &[ended("t1", "", 1)]);
    fs::set_permissions(env.state(), fs::Permissions::from_mode(0o777)).unwrap();
    fs::set_permissions(env.state().join("completed.json"), fs::Permissions::from_mode(0o644))
        .unwrap();
    let command = format!("chmod go= '{}'", env.state().display());
    assert_found(&env, "folders", "broken", "can be changed by other users", &command);
    assert_found(&env, "folders", "note", "completed.json` can be read by other users", "chmod");
    fs::set_permissions(env.state(), fs::Permissions::from_mode(0o700)).unwrap();
    symlink("/dev/zero", env.state().join("failed.json")).unwrap();
    assert_found(&env, "folders", "broken", "failed.json` is a link", "");
    assert_found(&env, "state", "broken", "could not read", "failed.json");
}

/// T8: what a sandboxed command may be able to replace is named.
#[test]
fn places_that_the_sandbox_does_not_keep() {
    let env = healthy();
    let config = env.home().join(".claude");
    let (link, elsewhere) = (config.join("skills/sisyphus"), config.join(".sisyphus"));
    fs::rename(&link, &elsewhere).unwrap();
    symlink(&elsewhere, &link).unwrap();
    assert_found(&env, "plugin", "note", "skills/sisyphus` links to", "run install.sh again");
    let kept = config.join("plugins/data/sisyphus/plugin");
    fs::create_dir_all(kept.parent().unwrap()).unwrap();
    fs::rename(&elsewhere, &kept).unwrap();
    fs::remove_file(&link).unwrap();
    symlink(&kept, &link).unwrap();
    let is_told = |env: &TestEnv| findings(env).iter().any(|it| it.contains("sandbox may be able"));
    assert!(!is_told(&env));
    fs::create_dir_all(env.state()).unwrap();
    let moved = env.home().join("dotfiles");
    fs::rename(&config, &moved).unwrap();
    symlink(&moved, &config).unwrap();
    assert_found(&env, "folders", "note", ".claude` is a link", "can replace it");
    assert!(!is_told(&env));
}

/// `sisyphus doctor` finds state files that are damaged or newer, and changes none of them.
#[test]
fn damaged_and_newer_state_is_found() {
    let env = healthy();
    plant_text(&env, "active.json", "{broken\u{1b}[2J");
    plant_text(&env, "completed.json", r#"{"version":7,"tasks":{}}"#);
    plant_text(&env, "inbox/s.json", "[]");
    fs::create_dir_all(env.state().join("sessions/x.json")).unwrap();
    let before = tree(&env.state());
    assert_found(&env, "state", "broken", "active.json` is damaged", "nothing to do");
    assert_found(&env, "state", "broken", "completed.json` has format 7", "update");
    assert_found(&env, "state", "broken", "inbox/s.json` is damaged", "");
    assert_found(&env, "state", "broken", "sessions/x.json`: not a regular file", "");
    assert_eq!(tree(&env.state()), before);
    let text = run(&env, &["doctor"]).stdout;
    assert!(!text.contains('\u{1b}'), "{text:?}");
}

/// What the doctor says of a damaged file comes true with the next change, and `sisyphus clean` removes that file.
#[test]
fn a_damaged_file_is_set_aside_as_said() {
    let env = healthy();
    for path in ["active.json", "inbox/s.json"].map(|name| env.state().join(name)) {
        let name = path.file_name().unwrap().to_str().unwrap();
        let files = || {
            let names = fs::read_dir(path.parent().unwrap()).unwrap().map(|it| it.unwrap());
            let names = names.map(|entry| entry.file_name().into_string().unwrap());
            names.filter(|it| it.starts_with(name)).collect::<Vec<_>>()
        };
        plant_text(&env, path.strip_prefix(env.state()).unwrap().to_str().unwrap(), "[");
        let damaged = format!("{name}` is damaged");
        assert_found(&env, "state", "broken", &damaged, "sets it aside as `….corrupt-TIME`");
        assert_eq!(env.run("sisyphus", &["list"]).code, Some(0));
        let corrupt = format!("{name}.corrupt-");
        assert!(files().iter().any(|it| it.starts_with(&corrupt)), "{:?}", files());
        assert_eq!(env.run("sisyphus", &["clean", "--older-than", "0"]).code, Some(0));
        assert!(files().iter().all(|it| it == name), "{:?}", files());
    }
}

/// A process posts an event before it tries the lock, so a good state may have one that is not applied yet.
#[test]
fn a_posted_event_is_no_damage() {
    let env = healthy();
    let event = r#"{"event":"session_ended","session":"s1","at":"2026-11-21T02:30:00Z"}"#;
    plant_text(&env, "inbox/17-ab.json", event);
    assert_found(&env, "state", "fine", "state files are valid", "");
}

/// A result counts as delivered in a live record and in the history.
#[test]
fn the_last_delivery_is_told_wherever_it_stands() {
    for file in ["active.json", "completed.json"] {
        let env = healthy();
        let mut task = ended("t1", "", 1);
        task["delivery"] = json!({ "state": "delivered", "at": 1, "revision": 0 });
        plant(&env, file, &[task]);
        assert_found(&env, "events", "fine", "ago (a result is delivered)", "");
        let said = run(&env, &["doctor", "--json"]).json();
        let all = said["findings"].as_array().unwrap();
        assert!(all.iter().any(|it| it["at"] == "2026-11-21T02:30:01Z"), "{said:#}");
    }
}

#[test]
fn who_holds_the_lock_is_named() {
    let env = healthy();
    plant(&env, "active.json", &[]);
    let file = fs::File::create(env.state().join("state.lock")).unwrap();
    let lock = Flock::lock(file, FlockArg::LockExclusive).unwrap();
    let own = std::process::id();
    assert_found(&env, "lock", "broken", &format!("process {own} ("), &format!("kill {own}"));
    drop(lock);
    assert_found(&env, "lock", "fine", "can be locked at once", "");
    fs::remove_file(env.state().join("state.lock")).unwrap();
    fs::create_dir(env.state().join("state.lock")).unwrap();
    assert_found(&env, "lock", "broken", "could not lock", "plain file");
}

/// `sisyphus doctor` notes a live session without a snippet or with that of another version.
#[test]
fn an_unattached_live_session_is_noted() {
    let env = healthy();
    plant(&env, "active.json", &[running("t1", "")]);
    assert_found(
        &env,
        "sessions",
        "note",
        "session session-1: its shells are not attached",
        "--resume",
    );
    let folder = env.home().join(".claude/session-env/session-1");
    fs::create_dir_all(&folder).unwrap();
    symlink("/dev/zero", folder.join("a.sh")).unwrap();
    fs::write(folder.join("b.sh"), "if [ -e '/x' ]; then exec '/old/sisyphus-run-0.0.9' run; fi\n")
        .unwrap();
    assert_found(&env, "sessions", "note", "attached by another version", "");
}

/// A person's command has an id of a session too, but no Claude Code and no shells of one.
#[test]
fn a_command_from_a_terminal_is_no_session() {
    let env = healthy();
    let mut task = running("t1", "");
    task["from_terminal"] = json!({ "place": "kept" });
    plant(&env, "active.json", &[task]);
    assert_found(&env, "sessions", "fine", "no live session is known", "");
}

/// `sisyphus doctor` takes a session that Claude Code lists for alive only while the listed process lives.
#[test]
fn a_listed_session_lives_with_its_process() {
    let env = healthy();
    plant(&env, "active.json", &[]);
    let folder = env.home().join(".claude/sessions");
    fs::create_dir_all(&folder).unwrap();
    let stat = fs::read_to_string("/proc/self/stat").unwrap();
    let start = stat.rsplit_once(')').unwrap().1.split_whitespace().nth(19).unwrap().to_owned();
    let list = |session: &str, start: &str| {
        let own = std::process::id();
        let listed =
            json!({ "pid": own, "sessionId": session, "procStart": start, "kind": "interactive" });
        fs::write(folder.join(format!("{own}.json")), listed.to_string()).unwrap();
    };
    list("listed-1", &start);
    assert_found(&env, "sessions", "note", "session listed-1: its shells are not attached", "");
    // Another process has the number now.
    list("listed-1", "1");
    assert_found(&env, "sessions", "fine", "no live session is known", "");
    for odd in ["../x", "\u{1b}[2J", ""] {
        list(odd, &start);
        assert_found(&env, "sessions", "fine", "no live session is known", "");
    }
    symlink("/dev/zero", folder.join("1.json")).unwrap();
    fs::write(folder.join("2.json"), "[").unwrap();
    assert_found(&env, "sessions", "fine", "no live session is known", "");
}

/// S29: what is said of results is true: of a known task `list` takes it over, of another one `clean` removes it.
#[test]
fn results_that_wait_are_counted_by_what_takes_them() {
    let env = healthy();
    let mut live = running("t1", "");
    live["client"] = json!({ "id": "b1" });
    plant(&env, "active.json", &[live]);
    let result = json!({ "exit": { "code": 0 }, "stop": "none", "ended_at": "2026-11-21T02:30:00Z", "duration_ms": 1 });
    for run in ["session-1/b1", "session-1/b2"] {
        let run = env.state().join("runs").join(run);
        fs::create_dir_all(&run).unwrap();
        for folder in [run.parent().unwrap(), &run] {
            fs::set_permissions(folder, fs::Permissions::from_mode(0o700)).unwrap();
        }
        fs::write(run.join("attached.json"), "{}").unwrap();
        fs::write(run.join("lock"), "").unwrap();
        fs::write(run.join("result.json"), result.to_string()).unwrap();
    }
    let due = "1 results are not in the records yet";
    let unknown = "1 results belong to no task";
    assert_found(&env, "sandbox", "note", due, "sisyphus list");
    assert_found(&env, "sandbox", "note", unknown, "sisyphus clean");
    assert_eq!(env.run("sisyphus", &["list"]).code, Some(0));
    let text = run(&env, &["doctor"]).stdout;
    assert!(!text.contains(due), "{text}");
    let then = std::time::SystemTime::now() - std::time::Duration::from_secs(2 * 60 * 60);
    let other = env.state().join("runs/session-1/b2");
    fs::File::open(&other).unwrap().set_modified(then).unwrap();
    assert_eq!(env.run("sisyphus", &["clean", "--older-than", "0"]).code, Some(0));
    let text = run(&env, &["doctor"]).stdout;
    assert!(!text.contains(unknown), "{text}");
}

#[test]
fn a_run_root_of_others_is_found() {
    let env = healthy();
    fs::create_dir_all(env.runs()).unwrap();
    for folder in [env.client_tmp(), env.runs()] {
        fs::set_permissions(folder, fs::Permissions::from_mode(0o700)).unwrap();
    }
    fs::create_dir(env.runs().join("claims")).unwrap();
    assert_found(&env, "sandbox", "fine", "in Claude Code's sandbox were attached", "");
    fs::set_permissions(env.runs(), fs::Permissions::from_mode(0o777)).unwrap();
    assert_found(&env, "sandbox", "broken", "not a folder of this user alone", "only observed");
}

/// `sisyphus doctor` notes the errors that hooks logged within a day, and files that are left over.
#[test]
fn recent_errors_and_leftovers_are_noted() {
    let env = healthy();
    let now = chrono::Utc::now().format("%Y-%m-%dT%H:%M:%S%.3fZ");
    plant_text(
        &env,
        "hooks.log",
        &format!(
            "2020-01-01T00:00:00.000Z Stop: long ago\n{now} Stop: could not \u{1b}]0;x\u{7}lock\nodd\n"
        ),
    );
    assert_found(&env, "state", "note", "1 log lines in the last day, the latest: ", "hooks.log");
    assert_found(&env, "state", "note", "Stop: could not lock", "");
    plant_text(&env, "active.json.corrupt-20200101T000000000", "x");
    assert_found(&env, "leftovers", "note", "1 leftovers", "sisyphus clean");
}

/// The doctor names a program that can't start, and what the last one said that failed.
#[test]
fn a_program_that_fails_is_found() {
    let env = healthy();
    assert!(findings(&env).iter().all(|finding| !finding.contains("on_complete")));
    env.set(&json!({ "on_complete": ["~/tell"] }));
    assert_found(&env, "settings", "broken", "on_complete has an invalid value", "whole path");
    for program in ["/nonexistent/tell", "no-such-program-of-ours", "/etc/passwd"] {
        env.set(&json!({ "on_complete": [program] }));
        assert_found(&env, "program", "broken", program, "`chmod +x` it");
    }
    env.set(&json!({ "on_complete": ["true", "x"] }));
    assert_found(&env, "program", "fine", "starts `true`; it has not run yet", "");
    let report =
        json!({ "at": chrono::Utc::now(), "task": "t1", "problem": "ended\u{1b}[2J with 7" });
    plant_text(&env, "on_complete.json", &report.to_string());
    assert_found(&env, "program", "note", "ago for t1: ended with 7", "by hand");
    let report = json!({ "at": chrono::Utc::now(), "task": "t1", "problem": null });
    plant_text(&env, "on_complete.json", &report.to_string());
    assert_found(&env, "program", "fine", "starts `true`; it ran ", "");
}

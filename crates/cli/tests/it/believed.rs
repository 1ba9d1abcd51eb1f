//! How far state files are believed: they can name no file but ours.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;

use serde_json::json;
use sisyphus_testing::TestEnv;

use crate::planted::{listed, plant, plant_text, prints, task};

/// What is no event is set aside, and what another folder holds is never changed by one.
#[test]
fn an_inbox_changes_records_and_no_files() {
    let env = TestEnv::new();
    let name = "inbox/00000000000000000017-00000000000000ab.json";
    for text in [
        "{",
        "[]",
        "{ \"event\": \"replace\", \"path\": \"../../settings.json\" }",
        "{ \"event\": \"read\", \"task\": \"../../settings\", \"revision\": 0 }",
    ] {
        plant(
            &env,
            "active.json",
            &[task(
                "t1",
                "",
                json!({ "state": "pending", "announced_at": "2999-01-01T00:00:00Z" }),
            )],
        );
        plant_text(&env, name, text);
        let settings = env.home().join(".claude/settings.json");
        fs::write(&settings, "theirs").unwrap();
        assert!(prints(&env, &["list"]).contains("t1 "), "{text}");
        assert_eq!(fs::read_to_string(&settings).unwrap(), "theirs", "{text}");
        assert!(!env.state().join(name).exists(), "{text}");
        let inbox = fs::read_dir(env.state().join("inbox")).unwrap();
        let aside: Vec<_> = inbox.map(|entry| entry.unwrap().path()).collect();
        assert!(aside.iter().any(|path| fs::read_to_string(path).unwrap() == text), "{aside:?}");
        for path in aside {
            fs::remove_file(path).unwrap();
        }
    }
}

/// `sisyphus list` takes no result from a folder elsewhere that a record names, and calls the task lost. Runs of
/// sandboxed commands are looked for where hooks put them, and nowhere else.
#[test]
fn a_record_that_names_a_foreign_folder() {
    for (client_tmp, made) in [
        ("claude-1", "proj/claude-1/sisyphus"),
        ("HERE/documents", "documents/sisyphus"),
        ("HERE/claude-1/../documents", "documents/sisyphus"),
    ] {
        let env = TestEnv::new();
        let run = env.path().join(made).join("runs/session-1/b1");
        fs::create_dir_all(env.path().join("claude-1")).unwrap();
        fs::create_dir_all(&run).unwrap();
        for folder in run.ancestors().take_while(|folder| *folder != env.path()) {
            fs::set_permissions(folder, Permissions::from_mode(0o700)).unwrap();
        }
        for file in ["attached.json", "lock", "output.log"] {
            fs::write(run.join(file), "{}").unwrap();
        }
        let result = json!({ "exit": { "code": 0 }, "stop": "none", "ended_at": "2026-11-21T02:30:00Z",
                             "duration_ms": 1, "output": { "bytes": 2, "dropped": 0 } });
        fs::write(run.join("result.json"), result.to_string()).unwrap();
        let status = json!({ "state": "running", "started_at": "2026-11-21T02:30:00Z", "watch": "supervised" });
        let mut planted = task("t1", "", status);
        planted["client"] = json!({ "id": "b1" });
        planted["confinement"] = "sandboxed".into();
        planted["client_tmp"] =
            client_tmp.replace("HERE", &env.path().display().to_string()).into();
        plant(&env, "active.json", &[planted]);
        let tasks = listed(&env, &[]);
        assert_eq!(tasks[0]["lost_because"], "run_folder_gone", "{client_tmp}: {tasks:?}");
        assert!(run.join("result.json").exists(), "{client_tmp}");
        assert!(!env.state().join("output/t1.log").exists(), "{client_tmp}");
    }
}

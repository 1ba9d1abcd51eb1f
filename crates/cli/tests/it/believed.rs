//! How far state files are believed: they can name no file but ours.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;

use serde_json::json;
use sisyphus_testing::TestEnv;

use crate::planted::{plant, plant_text, prints, task};

#[test]
fn a_journal_changes_state_files_and_no_others() {
    let others =
        ["../../settings.json", "output/x.json", "settings.txt", "outbox/../../x.json", ""];
    for other in others.map(str::to_owned).into_iter().chain([absolute()]) {
        let env = TestEnv::new();
        let target = env.state().join(&other);
        plant_text(&env, "active.json", "{\"version\": 1, \"tasks\": []}");
        for folder in [env.state().join("output"), env.state().join("outbox")] {
            fs::create_dir_all(folder).unwrap();
        }
        fs::write(format!("{}.next", target.display()), "theirs").unwrap();
        let step = if other.contains("output") {
            json!({ "append": { "to": other, "length": 0 } })
        } else {
            json!({ "replace": other })
        };
        plant_text(&env, "outbox/s1.json.next", "{}");
        let steps = json!({ "version": 1, "steps": [{ "replace": "outbox/s1.json" }, step] });
        plant_text(&env, "journal.json", &steps.to_string());
        prints(&env, &["list"]);
        let is_changed = fs::read_to_string(&target).is_ok_and(|text| text == "theirs");
        let _ = fs::remove_file(absolute());
        let _ = fs::remove_file(absolute() + ".next");
        assert!(!is_changed, "{other}");
        // All or nothing.
        assert!(!env.state().join("outbox/s1.json").exists(), "{other}");
        let names = fs::read_dir(env.state()).unwrap().map(|entry| entry.unwrap().file_name());
        let names: Vec<String> = names.map(|name| name.into_string().unwrap()).collect();
        assert!(!names.contains(&"journal.json".to_owned()), "{names:?}");
        let reason = names.iter().find(|name| name.ends_with(".reason")).expect("the reason");
        assert!(reason.starts_with("journal.json.corrupt-"), "{reason}");
        let reason = fs::read_to_string(env.state().join(reason)).unwrap();
        assert!(reason.contains("is no state file"), "{reason}");
    }
}

/// Somewhere else altogether.
fn absolute() -> String {
    let name = format!("sisyphus-test-{}.json", std::process::id());
    std::env::temp_dir().join(name).display().to_string()
}

#[test]
fn a_record_that_names_a_folder_elsewhere_has_nothing_taken_from_there() {
    for (root, made) in [
        ("claude-1/sisyphus", "proj/claude-1/sisyphus"),
        ("HERE/documents/work", "documents/work"),
        ("HERE/claude-1/../documents/sisyphus", "documents/sisyphus"),
    ] {
        let env = TestEnv::new();
        let made = env.path().join(made);
        fs::create_dir_all(env.path().join("claude-1")).unwrap();
        fs::create_dir_all(made.join("t1")).unwrap();
        for folder in [made.parent().unwrap(), &made, &made.join("t1")] {
            fs::set_permissions(folder, Permissions::from_mode(0o700)).unwrap();
        }
        for file in ["claimed.json", "lock", "diary"] {
            fs::write(made.join("t1").join(file), "{}").unwrap();
        }
        fs::write(made.join("t1/started.json"), "{\"at\": \"2026-11-21T02:30:00Z\"}").unwrap();
        let status = json!({ "state": "running", "started_at": "2026-11-21T02:30:00Z", "watch": "supervised" });
        let mut planted = task("t1", "", status);
        planted["run_root"] = root.replace("HERE", &env.path().display().to_string()).into();
        plant(&env, "active.json", &[planted]);
        let told = prints(&env, &["list", "--json"]);
        assert!(told.contains("\"running\""), "{root}: {told}");
        assert!(made.join("t1/diary").exists(), "{root}");
    }
}

//! A command can write into its own run folder: nothing of ours follows what it puts there.

use std::fs;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, symlink};
use std::path::{Path, PathBuf};

use serde_json::json;
use sisyphus_testing::shell::Running;
use sisyphus_testing::{Client, wait_for};

use crate::support::in_both;

/// Makes the run folder of the next shell, for its owner alone.
fn next_run_dir(client: &Client) -> PathBuf {
    let dir = client.run_dir(&client.next_id());
    fs::DirBuilder::new().recursive(true).mode(0o700).create(&dir).unwrap();
    dir
}

/// No process believes a result that a running command wrote itself.
#[test]
fn a_planted_result_is_not_believed() {
    in_both(|client| {
        let plant = client.env.path().join("plant.json");
        let result = json!({
            "exit": { "code": 0 }, "stop": "none", "started_at": "2026-01-01T00:00:00Z",
            "ended_at": "2026-01-01T00:00:01Z", "duration_ms": 1000, "client_id": "b00000001",
        });
        fs::write(&plant, result.to_string()).unwrap();
        let command = format!(
            "for folder in {}/runs/*/b*; do for file in $folder/result.json $folder/result.json.*.tmp; do \
             cp --remove-destination {} $file; done; done; echo planted; until [ -e stop ]; do sleep 0.02; done; exit 7",
            client.env.state().display(),
            plant.display()
        );
        let running = client.background(&command);
        assert_eq!(running.id, "b00000001", "the plant is meant to fit");
        running.wait_for_line("planted");
        let id = client.running_task()["id"].clone();
        assert!(client.run_dir(&running.id).join("result.json").exists());

        client.background("true").wait();
        for _ in 0..2 {
            let tasks = client.tasks();
            let task = tasks.iter().find(|task| task["id"] == id).unwrap();
            assert_eq!((&task["status"], &task["exit_code"]), (&json!("running"), &json!(null)));
        }
        let text = client.types();
        assert!(text.contains("completed with exit code 0"), "the other one's end: {text:?}");
        assert!(text.ends_with("1 other background command has not finished."));
        assert!(!text.contains(id.as_str().unwrap()), "{text}");

        fs::write(client.env.project().join("stop"), "").unwrap();
        assert_eq!(running.wait().status.code(), Some(7));
        let text = client.types();
        assert!(text.contains(id.as_str().unwrap()), "{text:?}");
        assert!(text.contains("failed with exit code 7"), "{text:?}");
        let tasks = client.tasks();
        let task = tasks.iter().find(|task| task["id"] == id).unwrap();
        assert_eq!((&task["status"], &task["exit_code"]), (&json!("failed"), &json!(7)));
    });
}

/// The files that a process has open.
fn open_files(running: &Running) -> Vec<PathBuf> {
    let entries = fs::read_dir(format!("/proc/{}/fd", running.process.pid)).unwrap();
    entries.filter_map(|entry| fs::read_link(entry.ok()?.path()).ok()).collect()
}

/// Everything about a file that changes when it is written to.
fn state_of(path: &Path) -> (Vec<u8>, u64, i64, i64) {
    let metadata = path.metadata().unwrap();
    (fs::read(path).unwrap(), metadata.ino(), metadata.mtime_nsec(), metadata.ctime_nsec())
}

/// The runner does not follow a link in the place of its lock, and runs the command.
#[test]
fn a_link_in_place_of_the_lock() {
    in_both(|client| {
        let [precious, missing] = ["precious", "missing"].map(|name| client.env.home().join(name));
        fs::write(&precious, "of great worth\n").unwrap();
        let before = state_of(&precious);
        for (target, stop) in [(&precious, "stop-1"), (&missing, "stop-2")] {
            let command = format!("echo ready; until [ -e {stop} ]; do sleep 0.02; done; exit 5");
            let call = client.announce(&command);
            let folder = next_run_dir(client);
            symlink(target, folder.join("lock")).unwrap();

            let running = client.start(&command);
            client.bind(call, &running);
            running.wait_for_line("ready");
            // From then on the runner has done with its lock what it does.
            wait_for("the start in the run folder", || {
                folder.join("started.json").exists().then_some(())
            });
            assert_eq!(running.process.program().unwrap(), client.runner(), "not supervised");
            let open = open_files(&running);
            assert!(!open.contains(target), "{open:?}");
            let file = fs::File::open(&precious).unwrap();
            file.try_lock().unwrap();
            drop(file);

            fs::write(client.env.project().join(stop), "").unwrap();
            assert_eq!(running.wait().status.code(), Some(5));
            assert!(!missing.exists(), "created through the link");
            assert_eq!(state_of(&precious), before);
        }
    });
}

/// The hooks deliver a result whatever is in the place of the runner's lock.
#[test]
fn a_spoiled_lock_keeps_no_result_back() {
    for what in ["a link", "a folder", "a pipe"] {
        in_both(|client| {
            let call = client.announce("exit 5");
            let lock = next_run_dir(client).join("lock");
            match what {
                "a link" => symlink("/nowhere", &lock).unwrap(),
                "a folder" => fs::create_dir(&lock).unwrap(),
                _ => nix::unistd::mkfifo(&lock, nix::sys::stat::Mode::S_IRWXU).unwrap(),
            }
            let running = client.start("exit 5");
            client.bind(call, &running);
            assert_eq!(running.wait().status.code(), Some(5));
            let text = client.types();
            assert!(text.contains("failed with exit code 5 after "), "{what}: {text:?}");
        });
    }
}

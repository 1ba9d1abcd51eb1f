//! What a runner has left, which a sandboxed command may have written instead.

use std::fs;
use std::path::Path;
use std::time::Duration;

use chrono::Utc;
use serde_json::json;
use sisyphus_core::environment::Environment;
use sisyphus_core::fold::{Scope, fold};
use sisyphus_core::id::TaskId;
use sisyphus_core::notice::report;
use sisyphus_core::paths::StateDir;
use sisyphus_core::run_folder::RunRoot;
use sisyphus_core::status::Status;
use sisyphus_core::store::Store;
use sisyphus_testing::TempDir;

use super::assert_fit_to_read;

const WAIT: Duration = Duration::from_secs(1);
const SECRET: &str = "root:x:0:0";

/// The bytes are every file of the run folder at once.
pub(super) fn run(bytes: &[u8]) {
    let dir = TempDir::new();
    let environment =
        Environment { claude_tmpdir: Some(dir.path().to_owned()), ..Environment::default() };
    let root = RunRoot::create(&environment).expect("a root");
    let task = TaskId::new("t1").expect("an id");
    root.folder(&task).create().expect("a run folder");
    let (folder, root) = (root.path().join("t1"), root.path());
    let secret = dir.path().join("secret");
    fs::write(&secret, SECRET).expect("a secret");
    for name in ["result.json", "started.json", "queued.json", "output.log"] {
        fs::write(folder.join(name), bytes).expect("a file of the runner");
    }
    for name in ["claimed.json", "lock"] {
        fs::write(folder.join(name), "{}").expect("a file of the runner");
    }
    let state = StateDir::at(dir.path().join("state"));
    plant(&state, root);
    let store = Store::new(state.clone());
    fold(&store, Scope::All, WAIT, Utc::now()).expect("a fold");
    // Again: what is done once is done.
    fold(&store, Scope::All, WAIT, Utc::now()).expect("a fold");

    let finished = [store.read_completed(), store.read_failed()];
    let finished: Vec<_> =
        finished.into_iter().flat_map(|history| history.expect("a history").tasks()).collect();
    let active = store.read_active().expect("the active tasks");
    assert_eq!(finished.len() + active.tasks.len(), 1, "{finished:?} {active:?}");
    for task in finished {
        assert!(matches!(task.status, Status::Finished(_)), "{task:?}");
        let text = report(&task, &state, 20);
        assert_fit_to_read(&text);
        assert!(!text.contains(SECRET), "{text}");
    }
    assert_eq!(fs::read_to_string(&secret).expect("the secret"), SECRET);
}

fn plant(state: &StateDir, root: &Path) {
    state.create().expect("a state folder");
    let task = json!({
        "id": "t1", "ticket": 1, "session": "session-1", "tool_use_id": "toolu_1", "run_root": root, "cwd": "/",
        "command": "npm test", "status": { "state": "pending", "announced_at": "2026-01-01T00:00:00Z" },
    });
    let active = json!({ "version": 1, "next_ticket": 2, "tasks": [task] });
    fs::write(state.active(), active.to_string()).expect("the active tasks");
}

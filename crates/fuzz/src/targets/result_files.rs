//! The files of a runner. A sandboxed command may have written them instead.

use std::fs;
use std::path::Path;
use std::time::Duration;

use serde_json::json;
use sisyphus_base::environment::Environment;
use sisyphus_base::id::{ClientTaskId, SessionId};
use sisyphus_base::paths::StateDir;
use sisyphus_state::reconcile::{Scope, World};
use sisyphus_state::run::Run;
use sisyphus_state::run_root::RunRoot;
use sisyphus_state::store::Store;
use sisyphus_testing::TempDir;
use sisyphus_wording::report;

use super::assert_fit_to_read;

const WAIT: Duration = Duration::from_secs(1);
const SECRET: &str = "root:x:0:0";

/// The bytes are the content of every file of a sandboxed run.
pub(super) fn run(bytes: &[u8]) {
    let dir = TempDir::new();
    let environment =
        Environment { claude_tmpdir: Some(dir.path().to_owned()), ..Environment::default() };
    let root = RunRoot::create(&environment).expect("a root");
    let (session, id) = (SessionId::new("session-1"), ClientTaskId::new("b1"));
    let run = Run::sandboxed(&root, &session.expect("an id"), &id.expect("an id"));
    run.create().expect("a run");
    let secret = dir.path().join("secret");
    fs::write(&secret, SECRET).expect("a secret");
    for file in [run.result(), run.started(), run.queued(), run.output()] {
        fs::write(file, bytes).expect("a file of the runner");
    }
    for file in [run.attached(), run.lock()] {
        fs::write(file, "{}").expect("a file of the runner");
    }
    let state = StateDir::at(dir.path().join("state"));
    plant(&state, root.client_tmp_dir());
    let store = Store::new(state.clone());
    let world = World { is_gone: |_| false, client_tmp: dir.path(), scope: Scope::All };
    store.update(&world, WAIT, |_, _| ()).expect("a commit");
    // A second commit must change nothing.
    store.update(&world, WAIT, |_, _| ()).expect("a commit");

    // A task that finished long ago is in the history already.
    let mut tasks = store.read_active().expect("the live tasks").tasks.clone();
    tasks.extend(store.read_recent(|error| panic!("{error:#}")));
    assert_eq!(tasks.len(), 1, "{tasks:?}");
    for task in &tasks {
        assert!(task.status().is_final(), "{task:?}");
        let text = report(task, &state, 20);
        assert_fit_to_read(&text);
        assert!(!text.contains(SECRET), "{text}");
    }
    assert_eq!(fs::read_to_string(&secret).expect("the secret"), SECRET);
}

fn plant(state: &StateDir, client_tmp: &Path) {
    state.create().expect("a state folder");
    let task = json!({
        "id": "t1", "ticket": 1, "session": "session-1", "tool_use_id": "toolu_1", "client": { "id": "b1" },
        "client_tmp": client_tmp, "confinement": "sandboxed", "cwd": "/", "command": "npm test",
        "status": { "state": "pending", "announced_at": "2026-01-01T00:00:00Z" },
    });
    let active = json!({ "version": 2, "tasks": [task] });
    fs::write(state.active(), active.to_string()).expect("the active tasks");
}

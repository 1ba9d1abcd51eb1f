//! Damaged state files.

use std::fs;
use std::time::Duration;

use sisyphus_base::id::SessionId;
use sisyphus_base::paths::StateDir;
use sisyphus_settings::Settings;
use sisyphus_settings::check::check;
use sisyphus_state::reconcile::{Scope, World};
use sisyphus_state::store::Store;
use sisyphus_tasks::task::Task;
use sisyphus_testing::TempDir;
use sisyphus_wording::report;

use super::assert_fit_to_read;

const WAIT: Duration = Duration::from_secs(1);

/// The bytes are the content of every file.
pub(super) fn run(bytes: &[u8]) {
    let dir = TempDir::new();
    let state = StateDir::at(dir.path());
    let session = SessionId::new("session-1").expect("an id");
    for folder in ["inbox", "sessions", "archive"] {
        fs::create_dir(dir.path().join(folder)).expect("a folder");
    }
    let names = [
        "active.json",
        "completed.json",
        "failed.json",
        "inbox/1.json",
        "sessions/session-1.json",
        "archive/2026-01.jsonl",
    ];
    for name in names {
        fs::write(dir.path().join(name), bytes).expect("a state file");
    }
    let store = Store::new(state.clone());
    let active = store.read_active().map(|active| active.tasks.clone()).unwrap_or_default();
    let finished = [store.read_completed(), store.read_failed()];
    let finished = finished.into_iter().flatten().flat_map(|history| history.tasks());
    let archived = store.read_archive(|_| {});
    for task in active.into_iter().chain(finished).chain(archived) {
        assert_told_well(&task, &state);
    }
    let _ = store.read_session(&session);
    let world = World { is_gone: |_| false, client_tmp: dir.path(), scope: Scope::All };
    if store.update(&world, WAIT, |_, _| ()).is_ok() {
        assert!(store.read_active().is_ok(), "what was written can't be read");
    }
    // The settings file belongs to Claude Code; we only read it.
    fs::write(dir.path().join("settings.json"), bytes).expect("settings");
    let _ = Settings::read_in(dir.path(), Some(dir.path()));
    if let Ok(value) = serde_json::from_slice(bytes) {
        let _ = check(&value);
    }
}

fn assert_told_well(task: &Task, state: &StateDir) {
    // The target must not read a file of this machine that the task names.
    let mut task = task.clone();
    task.output = None;
    let text = report(&task, state, 20);
    assert!(text.chars().count() < 10_000, "{text}");
    assert_fit_to_read(&text);
    assert_fit_to_read(&task.heading());
    let again: Task =
        serde_json::from_value(serde_json::to_value(&task).expect("JSON")).expect("a task");
    assert_eq!(again, task);
}

//! Finished tasks for the tests of the reports.

use sisyphus_base::paths::StateDir;
use sisyphus_tasks::kept_output::KeptOutput;
use sisyphus_tasks::outcome::Outcome;
use sisyphus_tasks::task::Task;
use sisyphus_tasks::task::samples::{finished, with_ending};
use sisyphus_testing::TempDir;

/// A task that ran for this long.
pub(super) fn ended(id: &str, outcome: Outcome, duration_ms: u64) -> Task {
    let mut task = finished(id, outcome);
    task.command = "sleep 2; echo '47 passed, 3 failed'; exit 3".to_owned();
    with_ending(task, |ending| ending.duration_ms = Some(duration_ms))
}

/// Writes the output of a task to its place, in a state folder that is `dir`.
pub(super) fn with_output(dir: &TempDir, mut task: Task, output: &[u8]) -> Task {
    let state = StateDir::at(dir.path());
    std::fs::create_dir_all(state.output_dir()).unwrap();
    std::fs::write(state.output(&task.id), output).unwrap();
    task.output = Some(KeptOutput { bytes: output.len() as u64, dropped: 0, client_file: None });
    task
}

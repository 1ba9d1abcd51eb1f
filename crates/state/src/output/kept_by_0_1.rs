//! What runners of 0.1.0 keep in their own folder, which they were started with.

use std::fs::File;
use std::path::Path;

use sisyphus_base::paths::StateDir;
use sisyphus_base::sys;
use sisyphus_tasks::task::Task;

/// The output that a runner of 0.1.0 kept after the import: it still writes to the folder that it was started with.
pub(crate) fn kept_by_0_1(state: &StateDir, task: &Task) -> Option<File> {
    let run = task.old_run.as_ref()?;
    let old = left_by_0_1(state)?;
    let is_folder = sys::is_private_dir(&old.output_dir()).unwrap_or(false);
    is_folder.then(|| sys::open_own_file(&old.output(run)).ok()).flatten()
}

/// The state folder of 0.1.0, if it exists, is not a link and only this user can change it.
pub(crate) fn left_by_0_1(state: &StateDir) -> Option<StateDir> {
    let old = state.for_people()?;
    let is_ours = |dir: &Path| sys::is_private_dir(dir).unwrap_or(false);
    (is_ours(old.parent()?) && is_ours(&old)).then(|| StateDir::at(old))
}

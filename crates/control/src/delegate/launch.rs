//! Starts the runner of a session, and waits until the runner has recorded it.

use anyhow::{Context as _, Result};
use sisyphus_base::environment::Environment;
use sisyphus_base::paths::client_tmp_dir;
use sisyphus_settings::Settings;
use sisyphus_state::agents::Limits;
use sisyphus_state::request::write_request;
use sisyphus_state::run::Run;
use sisyphus_state::sessions::{SessionRequest, place_of};
use sisyphus_state::store::{LOCK_WAIT_IN_RUNNER, Store};
use sisyphus_tasks::admission::Admission;
use sisyphus_tasks::task::Task;

use crate::launch::start_runner;
use crate::tasks::world;

/// A session that its runner has recorded.
#[derive(Debug, Clone)]
pub struct Launched {
    pub task: Task,
    /// Its place in the queue, from the records.
    pub place: Admission,
}

pub(super) fn launch(
    store: &Store,
    request: &SessionRequest,
    settings: &Settings,
) -> Result<Launched> {
    let run = Run::started_by_us(store.dir(), &request.task.session, &request.task.id);
    write_request(&run, request)?;
    start_runner(store.dir(), "session", &run).context("could not delegate")?;
    let tmp = client_tmp_dir(&Environment::read());
    let limits = Limits::of(settings);
    let id = &request.task.id;
    // The runner's event is in the inbox. If the lock is busy, the next commit applies it.
    let updated = store.update(&world(&tmp), LOCK_WAIT_IN_RUNNER, |active, now| {
        active.task(id).cloned().map(|task| (place_of(active, &task, &limits, now.at), task))
    });
    let (place, task) =
        updated.ok().flatten().unwrap_or_else(|| (Admission::Immediate, request.task.clone()));
    Ok(Launched { task, place })
}

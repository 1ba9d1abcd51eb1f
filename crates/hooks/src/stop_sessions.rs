//! Stops the delegated sessions of a conversation that ends, if the user wants that.

use anyhow::{Context as _, Result};
use sisyphus_base::atomic;
use sisyphus_base::id::SessionId;
use sisyphus_hook::Context;
use sisyphus_process::{SIGTERM, holder, resume, signal_all};
use sisyphus_settings::Switch;
use sisyphus_state::event::Event;
use sisyphus_state::reach::is_in_reach;
use sisyphus_state::run::Run;
use sisyphus_state::store::Active;
use sisyphus_tasks::outcome::Canceller;
use sisyphus_tasks::task::{Kind, Task};

/// The beginning of the names of all runners, whatever their version.
const RUNNER: &str = "sisyphus-run";

/// The sessions to stop, and the events that record why. Their runners are signaled after the events are posted.
pub(crate) fn doomed(
    context: &Context,
    active: &Active,
    session: &SessionId,
) -> Vec<(Task, Event)> {
    let is_meant =
        |task: &&Task| task.kind == Kind::Session && &task.session == session && is_in_reach(task);
    let mut tasks: Vec<&Task> = active.live().filter(is_meant).collect();
    if tasks.is_empty() || context.settings().delegate_survives_exit == Switch::On {
        return Vec::new();
    }
    // Those at the end of the line go first: a slot that becomes free must not start one that is to be stopped.
    tasks.sort_by_key(|task| std::cmp::Reverse(task.ticket));
    let asked = |task: &Task| Event::CancelRequested {
        task: task.id.clone(),
        by: Canceller::SessionEnd,
        at: context.now.at,
    };
    tasks.into_iter().map(|task| (task.clone(), asked(task))).collect()
}

/// Asks the runner of a session to stop it. The runner needs seconds for that, and SessionEnd does not wait for it.
pub(crate) fn stop(context: &Context, task: &Task) -> Result<()> {
    let Some(run) = Run::of(task, context.store.dir()) else { return Ok(()) };
    // The runner reads this when it gets the signal.
    let by = serde_json::to_vec(&Canceller::SessionEnd).context("could not encode a request")?;
    atomic::write(&run.stop(), &by)?;
    let Some(holder) = holder(&run.lock())? else { return Ok(()) };
    let name = holder.program.file_name().unwrap_or_default();
    anyhow::ensure!(
        name.to_string_lossy().starts_with(RUNNER),
        "the lock of {} is held by process {}, not by its runner",
        task.id,
        holder.process.pid
    );
    signal_all(&[holder.process], SIGTERM);
    // After the TERM, so that a suspended runner gets that first.
    resume(holder.process);
    Ok(())
}

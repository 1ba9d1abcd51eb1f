//! The slots in words: how many are busy, and how many tasks wait.

use sisyphus_control::Tasks;
use sisyphus_settings::{Settings, SlotLimit};
use sisyphus_state::agents::{Limits, Pool, agents_in};
use sisyphus_state::reach::is_in_reach;
use sisyphus_state::store::Active;
use sisyphus_tasks::status::Status;
use sisyphus_tasks::task::Task;
use sisyphus_wording::counted;

/// "2 of 5 slots busy, 3 queued".
pub(super) fn slots(tasks: &Tasks, settings: Option<&Settings>) -> String {
    let waits = |task: &&Task| match task.status() {
        Status::Queued { .. } => is_in_reach(task),
        // A call that may still be denied does not count.
        Status::Pending { .. } => is_in_reach(task) && task.is_confirmed(),
        Status::Running { .. } | Status::Finished(_) => false,
    };
    let queued = tasks.active.iter().filter(waits).count();
    let held = tasks.line.holders.len() + tasks.line.agents_elsewhere;
    let Some(settings) = settings else { return sentence(held, None, queued) };
    let mut active = Active::default();
    active.tasks.clone_from(&tasks.active);
    let busy = held + agents_in(&active, &Pool::Default, &Limits::of(settings));
    let limit = match settings.max_background_tasks {
        SlotLimit::AtMost(limit) => Some(limit.get()),
        SlotLimit::Unlimited => None,
    };
    sentence(busy, limit, queued)
}

/// The same for each group of the user's: "build: 1 of 1 busy, 2 queued".
pub(super) fn groups(tasks: &Tasks, settings: Option<&Settings>) -> Vec<String> {
    let groups = settings.map(|settings| settings.groups.as_slice()).unwrap_or_default().iter();
    groups
        .map(|group| {
            let queue = tasks.line.groups.get(&group.name);
            let (held, waits) = queue.map_or((0, 0), |it| (it.holders.len(), it.waiters.len()));
            let queued = if waits > 0 { format!(", {waits} queued") } else { String::new() };
            format!("{}: {held} of {} busy{queued}", group.name, group.limit)
        })
        .collect()
}

fn sentence(busy: usize, limit: Option<usize>, queued: usize) -> String {
    let slots = match limit {
        Some(limit) => format!("{busy} of {} busy", counted(limit, "slot", "slots")),
        None => format!("{} busy", counted(busy, "slot", "slots")),
    };
    format!("{slots}, {queued} queued")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_are_counted_in_words() {
        assert_eq!(sentence(2, Some(5), 3), "2 of 5 slots busy, 3 queued");
        assert_eq!(sentence(0, Some(1), 0), "0 of 1 slot busy, 0 queued");
        assert_eq!(sentence(7, None, 0), "7 slots busy, 0 queued");
    }
}

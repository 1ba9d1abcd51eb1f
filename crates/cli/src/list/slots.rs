//! The line below the list on a terminal: how many slots are busy, and how many tasks are queued.

use std::fmt;

use sisyphus_control::Tasks;
use sisyphus_settings::{Settings, SlotLimit};
use sisyphus_state::agents::{Limits, Pool, agents_in};
use sisyphus_wording::counted;

/// "2 of 5 slots busy, 3 queued; group build: 1 of 1 slot busy, 0 queued". `None` if nothing runs or is queued.
pub(super) fn slots_line(tasks: &Tasks, settings: &Settings) -> Option<String> {
    let (slots, mut parts) = (slots(tasks, settings), groups(tasks, settings));
    let is_idle = slots.busy + slots.queued == 0 && parts.is_empty();
    parts.insert(0, slots.to_string());
    (!is_idle).then(|| parts.join("; "))
}

/// How many slots are in use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Slots {
    busy: usize,
    /// How many there are; `None` if the user sets no limit.
    limit: Option<usize>,
    queued: usize,
}

/// Those that all tasks share, over all sessions and configuration folders.
pub(crate) fn slots(tasks: &Tasks, settings: &Settings) -> Slots {
    let limits = Limits::of(settings);
    let line = &tasks.line;
    let agents = agents_in(&super::active(tasks), &Pool::Default, &limits);
    // The records name no task of another configuration folder; its runners are in the queue.
    let is_foreign = |occupant| !line.is_own(occupant);
    let foreign = line.waiters.iter().filter(|it| it.occupant.as_ref().is_some_and(is_foreign));
    Slots {
        busy: line.holders.len() + line.agents_elsewhere + agents,
        limit: match limits.default_limit() {
            SlotLimit::Unlimited => None,
            SlotLimit::AtMost(slots) => Some(slots.get()),
        },
        queued: tasks.active.iter().filter(|task| task.is_queued()).count() + foreign.count(),
    }
}

/// The groups that are in use, each as "group build: 1 of 1 slot busy, 2 queued".
pub(crate) fn groups(tasks: &Tasks, settings: &Settings) -> Vec<String> {
    let limits = Limits::of(settings);
    let groups = tasks.line.groups.iter().filter_map(|(name, queue)| {
        let (busy, queued) = (queue.holders.len(), queue.waiters.len());
        let limit = limits.of_group(name).filter(|_| busy + queued > 0)?;
        let slots = Slots { busy, limit: Some(limit.get()), queued };
        Some(format!("group {name}: {slots}"))
    });
    groups.collect()
}

impl fmt::Display for Slots {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { busy, limit, queued } = self;
        match limit {
            Some(limit) => write!(f, "{busy} of {} busy", counted(*limit, "slot", "slots"))?,
            None => write!(f, "{} busy", counted(*busy, "slot", "slots"))?,
        }
        write!(f, ", {queued} queued")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_are_counted_in_words() {
        let said = |busy, limit, queued| Slots { busy, limit, queued }.to_string();
        assert_eq!(said(2, Some(5), 3), "2 of 5 slots busy, 3 queued");
        assert_eq!(said(1, Some(1), 0), "1 of 1 slot busy, 0 queued");
        assert_eq!(said(1, None, 0), "1 slot busy, 0 queued");
    }
}

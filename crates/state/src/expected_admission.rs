//! The position of a task in its queue, for people and the model. For a command whose runner has joined, the queue
//! itself shows it. For others the records give an estimate. The runners alone decide which command starts.

use chrono::Utc;
use sisyphus_base::id::{TaskId, Ticket};
use sisyphus_settings::SlotLimit;
use sisyphus_tasks::admission::Admission;
use sisyphus_tasks::task::{Kind, Task};

use crate::active::{Active, is_waiting};
use crate::agents::{Limits, Pool, admission_of, agents_in};
use crate::line::{Snapshot, Standing};
use crate::sessions::place_of;

/// The expected admission of a command with this ticket. `Ticket(u64::MAX)` is a future command.
pub fn expected_admission(
    active: &Active,
    line: &Snapshot,
    ticket: Ticket,
    limits: &Limits,
) -> Admission {
    let SlotLimit::AtMost(slots) = limits.default_limit() else { return Admission::Immediate };
    // A task that is not in this queue has a runner that has not joined yet, or one in the sandbox's own queue.
    let is_elsewhere = |task: &&Task| !task.name_in_queue().is_some_and(|id| line.names(id));
    let running = line.holders.len()
        + line.agents_elsewhere
        + active.holders().filter(is_elsewhere).count()
        + agents_in(active, &Pool::Default, limits);
    let is_before = |task: &&Task| task.ticket < ticket && is_waiting(task);
    let before = line.waiters.iter().filter(|it| it.place.ticket() < ticket).count()
        + active.tasks.iter().filter(is_before).filter(is_elsewhere).count();
    match (running + before).checked_sub(slots.get()) {
        None => Admission::Immediate,
        // Commands with a free slot start before it and do not delay it.
        Some(_) => Admission::Queued { position: before + 1 - slots.get().saturating_sub(running) },
    }
}

/// The same in the queue of its group, which it joins before the queue of all.
pub fn expected_in_group(line: &Snapshot, task: &Task, limits: &Limits) -> Admission {
    let Some(group) = task.group.as_deref().filter(|_| is_waiting(task)) else {
        return Admission::Immediate;
    };
    match task.name_in_queue().and_then(|id| line.standing_in(group, id)) {
        Some(Standing::HasSlot) => Admission::Immediate,
        Some(Standing::Waits(number)) => Admission::Queued { position: number },
        None => {
            let Some((queue, limit)) = line.groups.get(group).zip(limits.of_group(group)) else {
                return Admission::Immediate;
            };
            let waiting = queue.waiters.len();
            if queue.holders.len() + waiting < limit.get() {
                return Admission::Immediate;
            }
            Admission::Queued { position: waiting + 1 }
        }
    }
}

/// How many slots commands must hold before another one waits. Slots that agents hold are not included.
pub fn slots(active: &Active, limits: &Limits) -> usize {
    match limits.default_limit() {
        SlotLimit::Unlimited => usize::MAX,
        SlotLimit::AtMost(slots) => {
            slots.get().saturating_sub(agents_in(active, &Pool::Default, limits))
        }
    }
}

/// The expected admission of a recorded task. One that has started is admitted. Where the queue can't be read there is no
/// `line`: then each runner starts its task at once. Agents wait without it.
pub fn expected_admission_of(
    active: &Active,
    line: Option<&Snapshot>,
    id: &TaskId,
    limits: &Limits,
) -> Admission {
    let Some(task) = active.task(id) else { return Admission::Immediate };
    match task.kind {
        Kind::Agent => return admission_of(active, task, limits),
        Kind::Session if line.is_some() => return place_of(active, task, limits, Utc::now()),
        Kind::Command | Kind::Service if is_waiting(task) => {}
        Kind::Session | Kind::Command | Kind::Service => return Admission::Immediate,
    }
    let Some(line) = line else { return Admission::Immediate };
    if let queued @ Admission::Queued { .. } = expected_in_group(line, task, limits) {
        return queued;
    }
    match task.name_in_queue().and_then(|id| line.standing(id)) {
        Some(Standing::HasSlot) => Admission::Immediate,
        Some(Standing::Waits(number)) => Admission::Queued { position: number },
        None => expected_admission(active, line, task.ticket, limits),
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroUsize;

    use chrono::DateTime;
    use sisyphus_base::id::ClientTaskId;
    use sisyphus_base::machine::Machine;
    use sisyphus_settings::Settings;
    use sisyphus_tasks::status::{Status, Watch};
    use sisyphus_tasks::task::Client;
    use sisyphus_tasks::task::Kind;
    use sisyphus_tasks::task::samples::{in_status, pending};

    use super::*;
    use crate::line::{LineTicket, Listed, Occupant};

    /// One letter a task: `r`unning, `a`gent, `s`ervice, `o`bserved, `q`ueued, `b`ound and about to wait, `p`ending.
    fn active(letters: &str) -> Active {
        let at = DateTime::from_timestamp(0, 0).unwrap();
        let mut active = Active::default();
        for (letter, number) in letters.chars().zip(1..) {
            let mut task = pending(&format!("t{number}"), number);
            let running = |watch| Status::Running { started_at: at, watch };
            match letter {
                'r' | 's' => task = in_status(task, running(Watch::Supervised)),
                'a' | 'o' => task = in_status(task, running(Watch::Observed)),
                'q' => task = in_status(task, Status::Queued { queued_at: at }),
                _ => {}
            }
            if letter != 'p' {
                let id = client(&format!("b{number}"));
                task.client = Some(Client { id, process: None });
            }
            task.kind = match letter {
                'a' => Kind::Agent,
                's' => Kind::Service,
                _ => Kind::Command,
            };
            active.insert(task);
        }
        active
    }

    fn limits(slots: usize) -> Limits {
        let slots = NonZeroUsize::new(slots).map_or(SlotLimit::Unlimited, SlotLimit::AtMost);
        Limits::of(&Settings { max_background_tasks: slots, ..Settings::default() })
    }

    #[test]
    fn who_waits_and_as_which_number() {
        let cases = [
            // tasks, slots, ticket, expected number in the queue
            ("", 2, u64::MAX, None),
            ("r", 2, u64::MAX, None),
            ("rr", 2, u64::MAX, Some(1)),
            ("rrq", 2, 3, Some(1)),
            ("rrqq", 2, 4, Some(2)),
            ("rrqq", 2, 3, Some(1)),
            ("rrqqb", 2, 5, Some(3)),
            // A slot is free: the first of the queue is about to start.
            ("rqq", 2, 2, None),
            ("rqq", 2, 3, Some(1)),
            ("qqq", 2, 3, Some(1)),
            ("rsso", 2, u64::MAX, None),
            // Agents have the same slots.
            ("ra", 2, u64::MAX, Some(1)),
            ("aaqq", 2, 4, Some(2)),
            ("aq", 2, 2, None),
            // The user may deny it, so it delays no other task.
            ("rp", 2, u64::MAX, None),
            // The limit was lowered.
            ("rrrrq", 2, 5, Some(1)),
        ];
        for (tasks, slots, ticket, expected) in cases {
            let limit = limits(slots);
            let expected = expected
                .map_or(Admission::Immediate, |number| Admission::Queued { position: number });
            assert_eq!(
                expected_admission(&active(tasks), &Snapshot::default(), Ticket(ticket), &limit),
                expected,
                "{tasks} {ticket}"
            );
        }
        let busy = active("rrqsq");
        let line = Snapshot::default();
        assert_eq!(expected_admission(&busy, &line, Ticket(5), &limits(0)), Admission::Immediate);
        let two = limits(2);
        let of =
            |id: &str| expected_admission_of(&busy, Some(&line), &TaskId::new(id).unwrap(), &two);
        assert_eq!(of("t1"), Admission::Immediate);
        assert_eq!(of("t5"), Admission::Queued { position: 2 });
    }
    fn client(id: &str) -> ClientTaskId {
        ClientTaskId::new(id).unwrap()
    }

    /// A line in which these commands hold a slot and these wait, each with its ticket.
    fn line(holders: &[&str], agents_elsewhere: usize, waiters: &[(u64, &str)]) -> Snapshot {
        let occupant = |id: &str| {
            let task = TaskId::new(id).unwrap();
            Some(Occupant { task, folder: None, configuration: None, pid: 1 })
        };
        let mut line = Snapshot::default();
        line.agents_elsewhere = agents_elsewhere;
        let held = holders.iter().zip(1..);
        line.holders = held.map(|(id, place)| Listed { place, occupant: occupant(id) }).collect();
        let waiting = waiters.iter().map(|(ticket, id)| {
            let place = LineTicket::new(Ticket(*ticket), &client(id));
            Listed { place, occupant: occupant(id) }
        });
        line.waiters = waiting.collect();
        line
    }

    /// Every slot and every place counts once, whether the line shows it, the records do, or both.
    #[test]
    fn line_and_records_count_together() {
        const LAST: u64 = u64::MAX;
        let cases = [
            // tasks, holders and agents elsewhere, waiters, slots, whose expected, number in line
            ("", line(&["x1"], 0, &[]), 1, LAST, Some(1)),
            ("", line(&[], 1, &[]), 1, LAST, Some(1)),
            ("", line(&["x1"], 1, &[]), 3, LAST, None),
            ("", line(&["x1"], 1, &[]), 2, LAST, Some(1)),
            ("r", line(&["x1"], 1, &[]), 3, LAST, Some(1)),
            ("ra", line(&["x1"], 1, &[]), 4, LAST, Some(1)),
            ("ra", line(&["x1"], 1, &[]), 5, LAST, None),
            ("r", line(&["b1"], 0, &[]), 2, LAST, None),
            ("", line(&["x1"], 0, &[(1, "x2")]), 1, LAST, Some(2)),
            ("", line(&["x1"], 0, &[(3, "x2")]), 1, 3, Some(1)),
            ("", line(&["x1"], 0, &[(5, "x2")]), 1, 3, Some(1)),
            ("q", line(&["x1"], 0, &[(2, "x2")]), 1, LAST, Some(3)),
            ("q", line(&["x1"], 0, &[(1, "b1")]), 1, LAST, Some(2)),
        ];
        for (tasks, line, slots, ticket, number) in cases {
            let expected =
                number.map_or(Admission::Immediate, |position| Admission::Queued { position });
            let found = expected_admission(&active(tasks), &line, Ticket(ticket), &limits(slots));
            assert_eq!(found, expected, "{tasks} {line:?} {slots} {ticket}");
        }
    }

    /// The line itself knows the position of a command that has joined it.
    #[test]
    fn the_line_goes_before_the_records() {
        let busy = active("rqqq");
        let line = line(&["b1", "b2"], 0, &[(9, "x1"), (10, "b3")]);
        let of = |id: &str| {
            expected_admission_of(&busy, Some(&line), &TaskId::new(id).unwrap(), &limits(1))
        };
        assert_eq!(of("t2"), Admission::Immediate);
        assert_eq!(of("t3"), Admission::Queued { position: 2 });
        assert_eq!(of("t9"), Admission::Immediate);
    }

    /// What agents hold no command gets, and a task on another machine waits for no slot of this one.
    #[test]
    fn slots_are_for_what_counts_here() {
        let slots = |tasks, limit| slots(&active(tasks), &limits(limit));
        assert_eq!((slots("rra", 4), slots("aa", 1), slots("a", 0)), (3, 0, usize::MAX));
        let mut elsewhere = active("q").tasks.remove(0);
        assert!(is_waiting(&elsewhere));
        elsewhere.machine =
            Some(Machine { boot: "other".to_owned(), id: None, host: Some("laptop".to_owned()) });
        assert!(!is_waiting(&elsewhere));
    }
}

//! What can't be judged from here does not count here: a task on another machine, or one of which only a client in another
//! container knows. Its lock and its process say nothing to this process, so no slot and no promise may rest on them.

use std::sync::OnceLock;

use sisyphus_base::machine::{Machine, Reach};
use sisyphus_base::process_ref::ProcessRef;
use sisyphus_base::sys;
use sisyphus_tasks::status::{Status, Watch};
use sisyphus_tasks::task::{Kind, Task};

/// Whether this process can tell what a task does.
pub fn is_in_reach(task: &Task) -> bool {
    task.status().is_final() || (is_on_this_machine(task) && is_counted_here(task))
}

/// Where a task runs that this process can't judge, for people; `None` for every other one.
pub fn place_out_of_reach(task: &Task) -> Option<&str> {
    if is_in_reach(task) {
        return None;
    }
    let host = task.machine.as_ref().and_then(|machine| machine.host.as_deref());
    Some(host.unwrap_or("another machine"))
}

/// A task that names no machine is of this one.
fn is_on_this_machine(task: &Task) -> bool {
    static HERE: OnceLock<Option<Machine>> = OnceLock::new();
    task.machine.as_ref().is_none_or(|machine| {
        let here = HERE.get_or_init(Machine::here);
        machine.reach(here.as_ref()) != Reach::Elsewhere
    })
}

/// A runner shows that it lives by its lock. Of every other task only the client's process tells, and its number means
/// something in one process namespace alone.
fn is_counted_here(task: &Task) -> bool {
    static OURS: OnceLock<Option<u64>> = OnceLock::new();
    let theirs = witness(task).and_then(|client| client.namespace);
    theirs.is_none() || theirs == *OURS.get_or_init(sys::pid_namespace)
}

/// The client's process, if the task has no other witness.
fn witness(task: &Task) -> Option<&ProcessRef> {
    let of_agent = task.launched.as_ref().and_then(|call| call.process.as_ref());
    match (task.kind, task.status()) {
        (Kind::Agent, _) => of_agent,
        (Kind::Command | Kind::Service, Status::Running { watch: Watch::Observed, .. }) => {
            task.client.as_ref().and_then(|client| client.process.as_ref())
        }
        (Kind::Command | Kind::Service, _) => None,
    }
}

//! Tasks that this process can't check don't count here: a task on another machine, or one that only a Claude Code in
//! another container knows. This process can't see their locks or processes, so no slot and no promise may depend on
//! them.

use std::sync::OnceLock;

use sisyphus_base::machine::{Machine, Reach};
use sisyphus_base::process_ref::ProcessRef;
use sisyphus_base::sys;
use sisyphus_tasks::status::{Status, Watch};
use sisyphus_tasks::task::{Kind, Task};

/// Whether this process can check the state of a task.
pub fn is_in_reach(task: &Task) -> bool {
    task.status().is_final() || (is_on_this_machine(task) && is_counted_here(task))
}

/// Where a task runs that this process can't check, for people; `None` for every other task.
pub fn place_out_of_reach(task: &Task) -> Option<&str> {
    if is_in_reach(task) {
        return None;
    }
    let host = task.machine.as_ref().and_then(|machine| machine.host.as_deref());
    Some(host.unwrap_or("another machine"))
}

/// A task that names no machine runs on this one.
fn is_on_this_machine(task: &Task) -> bool {
    static HERE: OnceLock<Option<Machine>> = OnceLock::new();
    task.machine.as_ref().is_none_or(|machine| {
        let here = HERE.get_or_init(Machine::here);
        machine.reach(here.as_ref()) != Reach::Elsewhere
    })
}

/// A runner proves with its lock that it is alive. Every other task depends on the process of Claude Code, whose id is
/// only valid in one process namespace.
fn is_counted_here(task: &Task) -> bool {
    static OURS: OnceLock<Option<u64>> = OnceLock::new();
    let theirs = witness(task).and_then(|client| client.namespace);
    theirs.is_none() || theirs == *OURS.get_or_init(sys::pid_namespace)
}

/// The process of Claude Code, if nothing else shows that the task is alive.
fn witness(task: &Task) -> Option<&ProcessRef> {
    let of_agent = task.launched.as_ref().and_then(|call| call.process.as_ref());
    match (task.kind, task.status()) {
        (Kind::Agent, _) => of_agent,
        (Kind::Command | Kind::Service, Status::Running { watch: Watch::Observed, .. }) => {
            task.client.as_ref().and_then(|client| client.process.as_ref())
        }
        (Kind::Command | Kind::Service | Kind::Session, _) => None,
    }
}

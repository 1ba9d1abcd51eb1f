//! What the system knows about processes: their identity and children, and how to start, stop and wait for them. Reads
//! none of our state.

mod ask;
mod client_program;
mod holder;
mod identity;
mod notifier;
mod orphan;
mod process_ref;
mod program;
mod sys;
mod tree;
mod watch;

pub use ask::ask;
pub use client_program::find_client;
pub use holder::{Holder, PidNamespace, resume, started_by, wake_runner};
pub use identity::{ProcessId, pid_of};
pub use notifier::{find_notifier, start_notifier};
pub use orphan::{PRIVATE_VARIABLES, SessionPlan, spawn_orphan, spawn_session};
pub use process_ref::{client, is_alive, is_gone, this_process};
pub use program::Program;
pub use sys::{
    CLIENT_NAMES, Caller, Changes, Connection, Folders, KILLED_WITH_RUNNER, MemoryGroup, Notice,
    OomCounters, Plan, Sender, Side, Signals, Stage, caller, caller_key, can_end_with_parent,
    end_with_parent, exec, exit_as, exit_of, hold, holder, is_message, own_key, own_output_file,
    parent, prepare_streams, signal_group, signal_self, spawn, spawn_bound, spawn_detached,
    spawn_on, split_apart, survive_file_size_limit, try_wait,
};
pub use tree::{
    Ancestor, SIGKILL, SIGTERM, Supervises, alive, ancestors, descendants, hides_arguments,
    is_runner, left_behind, members, ring, run_folders_above, runners_above, signal_all,
    working_in,
};
pub use watch::{Watchers, wake_self};

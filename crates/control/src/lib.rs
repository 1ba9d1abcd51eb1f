//! Operations on tasks outside of the hooks: find tasks, wait until they finish, stop them, acknowledge results, and
//! delegate sessions.
//! The command line and the server for the model share them, and each words the results in its own way. This crate
//! prints nothing.

mod acknowledge;
mod by_name;
mod cancel;
pub mod command;
pub mod delegate;
mod launch;
pub mod leftovers;
mod next;
mod person;
mod ring;
mod stop;
mod task_waiter;
mod tasks;

pub use acknowledge::{acknowledge, own_requester};
pub use by_name::{Naming, NoSuchTask, candidates};
pub use cancel::{Answer, Ending, cancel, is_ours};
pub use next::{Moved, make_next};
pub use person::ensure_person;
pub use ring::ring_waiter;
pub use sisyphus_state::task_states::{TaskState, task_states};
pub use task_waiter::{TICK, TaskWaiter, watch_runner};
pub use tasks::{HistoryDepth, Tasks, WarningSink, open_store, up_to_date, world};

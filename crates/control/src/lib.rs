//! What one does with tasks from outside of the hooks, whoever asks: find those that are meant, look out for their end,
//! stop them, and count a result that was read as told. The command line and the server for the model have it in common
//! and say what came of it each in its own words. Prints nothing.

mod acknowledge;
mod cancel;
pub mod leftovers;
mod stop;
mod task_waiter;
mod tasks;

pub use acknowledge::{acknowledge, own_requester};
pub use cancel::{Answer, Ending, cancel, is_ours};
pub use task_waiter::{TICK, TaskState, TaskWaiter, Watched, task_states};
pub use tasks::{HistoryDepth, NoSuchTask, Tasks, WarningSink, open_store, up_to_date, world};

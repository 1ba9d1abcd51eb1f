//! What one does with tasks from outside of the hooks, whoever asks: find those that are meant, look out for their end,
//! stop them, and count a result that was read as told. The command line and the server for the model have it in common
//! and say what came of it each in its own words. Prints nothing.

mod cancel;
pub mod leftovers;
mod lookout;
mod stop;
mod tasks;
mod told;

pub use cancel::{Answer, Ending, cancel, is_ours};
pub use lookout::{Course, Lookout, TICK, Watched, courses};
pub use tasks::{Complain, NoSuchTask, Reach, Tasks, open_store, up_to_date, world};
pub use told::{count_as_told, own_asker};

//! Stores tasks, and applies what happens to them. Starts no process, prints nothing, and knows neither Claude Code's
//! JSON nor a sentence for the model.
//!
//! Read in this order: [`event`] (what happens to a task), [`store`] (the files that several processes own), [`run`]
//! (what runners leave), [`reconcile`] (how runs change the records). The states of a task are in `sisyphus_tasks`.

mod active;
mod agent_limits;
pub mod announced;
pub mod completion;
pub mod duplicate;
pub mod event;
pub mod expected_admission;
mod file;
pub mod reconcile;
pub mod recovered;
pub mod run;
pub mod run_root;
pub mod transfer;
pub mod transitions;

pub mod sessions;
pub mod store;
pub mod task_states;

pub mod agents;
pub mod line;
pub mod notify;
pub mod reach;
pub mod request;
pub mod requester;

pub mod output;

pub mod import_0_1;

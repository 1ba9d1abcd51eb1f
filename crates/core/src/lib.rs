//! Where tasks are kept, and how what happens to them gets there. Spawns nothing, prints nothing, and knows
//! nothing of the client's JSON.
//!
//! Read in this order: [`event`] (what happens to a task), [`store`] (the files that several processes own), [`run`] (what
//! runners leave), [`reconcile`] (how the second becomes the first), [`notice`] (what the model reads). What may be true of a
//! task is in `sisyphus_tasks`.

pub(crate) use sisyphus_base::sys;
pub use sisyphus_base::{atomic, environment, hook_log, id, paths, rights};

pub mod announced;
pub mod completion;
pub mod event;
pub mod reconcile;
pub mod run;
pub mod run_root;
pub mod transfer;

pub mod settings;

pub mod store;

pub mod agents;
pub mod asker;
pub mod line;
pub mod notify;
pub mod queue;
pub mod reach;
pub mod silence;

pub mod execution_string;
pub mod snippet;

pub mod notice;
pub mod output;

pub mod import_0_1;
pub mod leftovers;
pub mod service;
pub mod sleep;
pub mod ultrawork;

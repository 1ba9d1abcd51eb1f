//! What a task is and where it is kept. Spawns nothing, prints nothing, and knows nothing of the client's JSON.
//!
//! Read in this order: [`task`], [`status`] and [`delivery`] (what may be true of a task), [`event`] (what happens to it), [`store`] (the
//! files that several processes own), [`run`] (what runners leave), [`reconcile`] (how the second becomes the first),
//! [`notice`] (what the model reads).

pub(crate) use sisyphus_base::sys;
pub use sisyphus_base::{atomic, environment, hook_log, id, paths, rights};

pub mod announced;
pub mod call;
pub mod classify_exit;
pub mod completion;
pub mod delivery;
pub mod event;
pub mod outcome;
pub mod reconcile;
pub mod run;
pub mod run_root;
pub mod source;
pub mod status;
pub mod task;
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

//! What a task is and where it is kept. Spawns nothing, prints nothing, and knows nothing of the client's JSON.
//!
//! Read in this order: [`task`], [`status`] and [`transition`](mod@transition) (what may be true of a task), [`store`] (the files that several
//! processes own), [`run_folder`] (the meeting place of runner and hooks), [`fold`] (how the second becomes the first),
//! [`notice`] (what the model reads).

pub(crate) use sisyphus_base::sys;
pub use sisyphus_base::{atomic, environment, hook_log, id, paths, rights};

pub mod outcome;
pub mod status;
pub mod task;
pub mod transition;

pub mod settings;

pub mod store;

pub mod agents;
pub mod announce;
pub mod asker;
pub mod bind;
pub mod client_end;
pub mod fold;
pub mod judge;
mod news;
pub mod notify;
pub mod orphans;
pub mod queue;
pub mod run_folder;
pub mod silence;

pub mod execution_string;
pub mod snippet;

pub mod notice;
pub mod output;

pub mod hand_over;
pub mod leftovers;
pub mod service;
pub mod sleep;
pub mod ultrawork;

//! What every other crate stands on: identifiers, paths, the environment, files that only their owner reads, locks, the log.

pub mod atomic;
pub mod environment;
pub mod hook_log;
pub mod id;
pub mod lock;
pub mod paths;
pub mod rights;
pub mod sys;

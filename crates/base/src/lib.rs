//! What every other crate needs: identifiers, paths, the environment, files that only their owner can read, locks, the
//! log.

pub mod atomic;
pub mod client_version;
pub mod clock;
pub mod environment;
pub mod hook_log;
pub mod id;
pub mod json;
pub mod lock;
pub mod machine;
pub mod paths;
pub mod process_ref;
pub mod rights;
pub mod runtime_dir;
pub mod standard_error;
pub mod sys;
pub mod text;

//! Whatever fails, the session goes on: exit code 0, silence or valid JSON, and a line in the log.
//!
//! That every answer has this form is judged on each one, in `start`.

mod inbox;
mod input;
mod lock;
mod patience;
mod run_root;
mod state;
mod storage;
mod streams;

//! The dashboard from outside, in a terminal of tmux.
#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "helpers of tests fail loudly")]

mod terminal;

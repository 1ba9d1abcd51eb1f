//! `install.sh`, run in homes of its own: what it puts where, what it leaves alone, and how it fails.

// `install.sh` is for Unix, and the tests read `/proc`.
#![cfg(target_os = "linux")]
#![expect(clippy::expect_used, clippy::unwrap_used, reason = "helpers of tests fail loudly")]

mod site;
mod tree;

mod fresh;
mod from_0_1;
mod refuse;
mod stopped;
mod uninstall;
mod update;
mod windows;

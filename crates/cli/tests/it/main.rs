//! The command line from outside: what it prints, where, and with which exit code.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail loudly")]

mod planted;
mod support;

mod clean;
mod demo;
mod format;
mod list;
mod output;
mod show;
mod trouble;
mod wait;

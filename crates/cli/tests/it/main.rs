//! The command line from outside: what it prints, where, and with which exit code. Needs `/proc`.
#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "helpers of tests fail loudly")]

mod agents;
mod believed;
mod cancel;
mod clean;
mod config;
mod config_set;
mod delegate;
mod delegated;
mod demo;
mod doctor;
mod doctor_of_copies;
mod doctor_of_state;
mod events;
mod for_shells;
mod format;
mod install;
mod json_page;
mod list;
mod list_on_terminal;
mod memory_limit;
mod notify;
mod odd_paths;
mod out_of_reach;
mod output;
mod planted;
mod pty;
mod queue;
mod readme;
mod sandbox;
mod show;
mod stats;
mod statusline;
mod support;
mod timeline;
mod trouble;
mod wait;

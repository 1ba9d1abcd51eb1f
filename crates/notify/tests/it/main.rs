//! `sisyphus-notify` against a real bus with a notification daemon that records each call.
#![cfg(target_os = "linux")]
#![expect(clippy::expect_used, clippy::unwrap_used, reason = "helpers of tests fail loudly")]

mod bus;
mod hostile;
mod programs;
mod recipes;
mod routes;
mod rules;
mod stage;
mod whole_way;

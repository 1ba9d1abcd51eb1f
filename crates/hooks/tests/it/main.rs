//! What the hook binaries do, as Claude Code sees it: events in, replies, files and processes out. It needs the
//! shells of Claude Code and `/proc`.
#![cfg(target_os = "linux")]
#![expect(clippy::expect_used, clippy::unwrap_used, reason = "helpers of tests fail loudly")]

mod agent;
mod agent_life;
mod agent_line;
mod announce;
mod at_once;
mod attach;
mod delegated;
mod deliver;
mod fail_open;
mod failing_loop;
mod faults;
mod five_kinds;
mod forget;
mod hand_over;
mod hostile_output;
mod ids;
mod killed;
mod many;
mod opens;
mod others;
mod payload;
mod repository;
mod session;
mod settings;
mod silence;
mod sleep_guard;
mod start;
mod stop_request;
mod subagent;
mod take_back;
mod terminal;
mod timeout;
mod ultrawork;
mod wake;
mod wiring;

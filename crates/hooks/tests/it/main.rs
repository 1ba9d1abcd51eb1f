//! What the hook binaries do, as Claude Code sees it: events in, replies, files and processes out.

#![expect(clippy::expect_used, clippy::unwrap_used, reason = "helpers of tests fail loudly")]

mod agent;
mod payload;
mod session;
mod silence;
mod start;

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
mod repository;
mod settings;
mod sleep_guard;
mod stop_request;
mod subagent;
mod take_back;
mod terminal;
mod timeout;
mod ultrawork;
mod wake;
mod wiring;

//! `sisyphus-mcp` from outside: the built binary, the official client, the built hooks and runner, real commands.
//! Only on Linux: it starts shells as Claude Code does, and reads `/proc`.
#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "a test that can't go on should fail loudly")]

mod cancel;
mod delegate;
mod ends;
mod list;
mod model;
mod output;
mod task_output;
mod told;
mod until;
mod watch;
mod wrong;

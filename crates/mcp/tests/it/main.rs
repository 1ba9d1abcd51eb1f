//! `sisyphus-mcp` from outside: the built binary, the official client, the built hooks and runner, real commands.

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

//! `sisyphus-run` from outside: real shells, started as Claude Code starts them, with real signals and files. Only on
//! Linux: elsewhere the runner claims nothing, and there is no `/proc` to prove anything with.
#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "a test that can't go on should fail loudly")]

mod asleep;
mod calls;
mod claims;
mod code_zero;
mod damage;
mod endings;
mod faithful_end;
mod faithful_setting;
mod groups;
mod handoff;
mod hostile;
mod joins;
mod kept;
mod limit;
mod line;
mod line_hostile;
mod out_of_memory;
mod planted;
mod purged;
mod queue;
mod removed;
mod results;
mod rights;
mod run_roots;
mod sandbox;
mod session_stage;
mod session_worktrees;
mod sessions;
mod signals;
mod snippet;
mod support;
mod trust;
mod twins;
mod unanswered;
mod usage;

//! Claude Code is killed, or hooks are.

mod client;
mod found;
mod hooks;

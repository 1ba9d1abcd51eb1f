//! The actors: sessions of a simulated client. Each has a process of its own that can be killed, and does after each
//! event what Claude Code was measured to do.
//! event what the real client was measured to do.

mod broker;
mod call;
mod client;
mod events;
mod session;
mod turn;

pub(super) use broker::serve;
pub(super) use call::Plan;
pub(crate) use client::VERB;
pub(super) use session::{Notices, Session};

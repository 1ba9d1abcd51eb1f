//! The edge with the client: one JSON event in, one JSON reply out, and whatever fails, the session goes on.
//!
//! Only this crate knows the client's JSON. The facts about it were measured on client 2.1.329.

mod agent_launch;
mod agent_notice;
mod complete;
mod event;
mod notification;
mod repair;
mod reply;
mod run;
mod stdin;
mod terminal;
mod transcript;

pub use agent_launch::{AgentLaunch, LaunchedAgent, Place};
pub use agent_notice::read_agent_end;
pub use event::{
    BackgroundCommand, EndReason, Event, PostToolUse, PreToolUse, SessionEnd, SessionSource,
    SessionStart, Stop, SubagentStart, SubagentStop, Tool, ToolResponse, UserPromptSubmit,
};
pub use notification::{Notification, Prompt, WAKE_WORDS, read_prompt};
pub use reply::{Receipt, Reply};
pub use run::{Context, main, wait};
pub use transcript::{AnsweredCall, Transcript};

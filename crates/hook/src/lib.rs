//! The interface to Claude Code: one JSON event in, one JSON reply out. The session continues whatever fails.
//!
//! Only this crate knows Claude Code's JSON. The facts about it are in `docs/claude-code.md`; comments cite their
//! ids, such as CC-9.

mod agent_launch;
mod agent_notice;
mod complete;
mod context;
mod event;
mod notification;
mod repair;
mod reply;
mod run;
mod stdin;
mod terminal;
mod transcript;

pub use agent_launch::{AgentLaunch, LaunchedAgent, Place};
pub use agent_notice::{read_agent_end, read_agent_message, read_stopped_agents};
pub use context::Context;
pub use event::{
    BackgroundCommand, EndReason, Event, PostToolUse, PreToolUse, SessionEnd, SessionSource,
    SessionStart, Stop, SubagentStart, SubagentStop, Tool, ToolResponse, UserPromptSubmit,
};
pub use notification::{Notification, Prompt, WAKE_WORDS, read_prompt};
pub use reply::{Receipt, Reply};
pub use run::{main, wait};
pub use transcript::{AnsweredCall, Transcript};

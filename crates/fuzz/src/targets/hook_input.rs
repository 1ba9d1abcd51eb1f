//! Events of Claude Code, and what the hooks read from the texts in them.

use serde_json::Value;
use sisyphus_hook::{
    AgentLaunch, BackgroundCommand, PostToolUse, PreToolUse, Prompt, SessionEnd, SessionStart,
    Stop, SubagentStart, SubagentStop, UserPromptSubmit, read_agent_end, read_agent_message,
    read_prompt,
};
use sisyphus_hooks::bare_sleep::sleeps_for;
use sisyphus_hooks::ultrawork;
use sisyphus_service::is_service;
use sisyphus_tasks::recipient::Recipient;

pub(super) fn run(bytes: &[u8]) {
    // Each hook is started for one event, but may get any.
    if let Ok(event) = serde_json::from_slice::<SessionStart>(bytes) {
        assert_is_id(event.session_id.as_str());
    }
    if let Ok(event) = serde_json::from_slice::<UserPromptSubmit>(bytes) {
        assert_is_id(event.session_id.as_str());
        prompt(&event.prompt);
    }
    if let Ok(event) = serde_json::from_slice::<PreToolUse>(bytes) {
        assert_is_id(event.session_id.as_str());
        assert_is_id(event.tool_use_id.as_str());
        call(BackgroundCommand::asked_for(&event.tool_input));
        if let Some(launch) = AgentLaunch::of(&event.tool_input) {
            assert!(!launch.description.contains('\n'), "{launch:?}");
        }
    }
    if let Ok(event) = serde_json::from_slice::<PostToolUse>(bytes) {
        event.tool_response.background_task_id.iter().for_each(|id| assert_is_id(id.as_str()));
        event.tool_response.agent.iter().for_each(|agent| assert_is_id(agent.id.as_str()));
        if let Recipient::Agent(id) = event.conversation {
            assert_is_id(id.as_str());
        }
        call(BackgroundCommand::of(&event.tool_input));
    }
    if let Ok(event) = serde_json::from_slice::<Stop>(bytes) {
        for id in event.background_tasks.unwrap_or_default() {
            assert_is_id(id.as_str());
        }
    }
    let _ = serde_json::from_slice::<SubagentStart>(bytes);
    let _ = serde_json::from_slice::<SubagentStop>(bytes);
    let _ = serde_json::from_slice::<SessionEnd>(bytes);
    // Texts without JSON around them.
    if let Ok(text) = std::str::from_utf8(bytes) {
        prompt(text);
        command(text);
    }
}

fn prompt(text: &str) {
    if let Prompt::Notices(notices) = read_prompt(text) {
        assert!(!notices.is_empty() && text.trim_start().starts_with("<task-notification>"));
        for notice in notices {
            assert_is_id(notice.client_id.as_str());
            assert!(!notice.description.contains('\n'), "{notice:?}");
        }
    }
    if let Some((id, _)) = read_agent_end(text) {
        assert_is_id(id.as_str());
    }
    assert!(read_agent_message(text).is_none_or(|message| text.contains(message)));
    let _ = ultrawork::asked(text);
}

fn call(found: Option<BackgroundCommand>) {
    let Some(found) = found else { return };
    assert!(found.limit_ms().is_none_or(|limit| (1..=1_000_000_000_000).contains(&limit)));
    command(&found.command);
}

fn command(text: &str) {
    let _ = is_service(text, &["make dev".to_owned(), "!npm start".to_owned()]);
    // A pattern is foreign text too.
    let _ = is_service("npm run dev", &[text.to_owned()]);
    assert!(sleeps_for(text).is_none_or(|seconds| seconds >= 0.0), "{text:?}");
}

/// An id may become a part of a file name.
fn assert_is_id(text: &str) {
    let is_of_alphabet = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    assert!(!text.is_empty() && text.bytes().all(is_of_alphabet), "{}", Value::from(text));
}

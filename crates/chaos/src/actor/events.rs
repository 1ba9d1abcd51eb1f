//! Claude Code's hook inputs of one session, in the recorded formats.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::ledger::Call;

/// What the events of one session have in common.
#[derive(Debug)]
pub(super) struct Events {
    pub(super) session: String,
    pub(super) transcript: PathBuf,
    pub(super) folder: PathBuf,
}

/// How the fake client reports that a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    Code(i32),
    /// The fake client stopped it.
    Stopped,
}

impl Events {
    pub(super) fn session_start(&self, source: &str) -> Value {
        self.event("SessionStart", &self.folder, json!({ "source": source }))
    }

    pub(super) fn prompt(&self, text: &str) -> Value {
        self.event("UserPromptSubmit", &self.folder, json!({ "prompt": text }))
    }

    /// The fake client's notice that a command ended.
    pub(super) fn notice(&self, call: &Call, output: &Path, end: End) -> Value {
        let (status, verdict) = match end {
            End::Code(0) => ("completed", "completed (exit code 0)".to_owned()),
            End::Code(code) => ("failed", format!("failed with exit code {code}")),
            End::Stopped => ("killed", "was stopped".to_owned()),
        };
        let Call { client_id, tool_use_id, description, .. } = call;
        self.prompt(&format!(
            "<task-notification>\n<task-id>{client_id}</task-id>\n<tool-use-id>{tool_use_id}</tool-use-id>\n\
             <output-file>{}</output-file>\n<status>{status}</status>\n\
             <summary>Background command \"{description}\" {verdict}</summary>\n</task-notification>",
            output.display()
        ))
    }

    /// The prompt after a hook that woke the session.
    pub(super) fn wake(&self, words: &str) -> Value {
        self.prompt(&format!(
            "<task-notification>\n<summary>Stop hook feedback</summary>\n</task-notification>\n\
             <system-reminder>\nStop hook blocking error from command \"Stop\": {words}\n</system-reminder>"
        ))
    }

    pub(super) fn pre_tool_use(&self, call: &Call) -> Value {
        self.event("PreToolUse", &call.folder, tool(call))
    }

    /// PostToolUse of a call whose command goes on in the background.
    pub(super) fn post_background(&self, call: &Call) -> Value {
        let mut event = self.post_foreground(call);
        event["tool_response"]["backgroundTaskId"] = call.client_id.as_str().into();
        event
    }

    pub(super) fn post_foreground(&self, call: &Call) -> Value {
        let mut more = tool(call);
        more["duration_ms"] = 63.into();
        more["tool_response"] = json!({
            "stdout": "", "stderr": "", "interrupted": false, "isImage": false, "noOutputExpected": false,
        });
        self.event("PostToolUse", &call.folder, more)
    }

    /// PreToolUse and PostToolUse of the model's `TaskStop`.
    pub(super) fn task_stop(&self, call: &Call) -> [Value; 2] {
        let mut tool = json!({
            "tool_name": "TaskStop",
            "tool_use_id": format!("toolu_stop_{}", call.client_id),
            "tool_input": { "task_id": call.client_id },
        });
        let before = self.event("PreToolUse", &self.folder, tool.clone());
        tool["tool_response"] = json!({
            "message": format!("Successfully stopped task: {} ({})", call.client_id, call.command),
            "task_id": call.client_id, "task_type": "local_bash", "command": call.command,
        });
        [before, self.event("PostToolUse", &self.folder, tool)]
    }

    /// Stop, with the list of what runs in the background.
    pub(super) fn stop(&self, is_active: StopHook, running: &[Call], agents: &[String]) -> Value {
        let shell = |call: &Call| {
            json!({
                "id": call.client_id, "type": "shell", "status": "running",
                "description": call.description, "command": call.command,
            })
        };
        let agent = |id: &String| json!({ "id": id, "type": "subagent", "status": "running", "description": "explore", "agent_type": "Explore" });
        let listed: Vec<Value> =
            agents.iter().map(agent).chain(running.iter().map(shell)).collect();
        self.event(
            "Stop",
            &self.folder,
            json!({
                "stop_hook_active": is_active == StopHook::Active,
                "last_assistant_message": "Going idle.",
                "background_tasks": listed,
                "session_crons": [],
            }),
        )
    }

    /// PreToolUse and PostToolUse of the call that starts a subagent.
    pub(super) fn agent_call(&self, agent: &str) -> [Value; 2] {
        let mut tool = json!({
            "tool_name": "Agent",
            "tool_use_id": format!("toolu_{agent}"),
            "tool_input": { "description": "explore", "prompt": "look", "subagent_type": "Explore" },
        });
        let before = self.event("PreToolUse", &self.folder, tool.clone());
        tool["tool_response"] = json!({
            "isAsync": true, "status": "async_launched", "agentId": agent, "description": "explore",
            "resolvedModel": "claude-haiku-5-5", "prompt": "look", "canReadOutputFile": true,
        });
        [before, self.event("PostToolUse", &self.folder, tool)]
    }

    /// A subagent comes up.
    pub(super) fn subagent_start(&self, agent: &str) -> Value {
        let more = json!({ "agent_id": agent, "agent_type": "Explore" });
        self.event("SubagentStart", &self.folder, more)
    }

    fn event(&self, name: &str, folder: &Path, mut event: Value) -> Value {
        event["hook_event_name"] = name.into();
        event["session_id"] = self.session.as_str().into();
        event["transcript_path"] = self.transcript.to_string_lossy().into();
        event["cwd"] = folder.to_string_lossy().into();
        event["prompt_id"] = "0f0e0d0c-0000-4000-8000-000000000002".into();
        event["permission_mode"] = "bypassPermissions".into();
        event["effort"] = json!({ "level": "medium" });
        event
    }
}

/// Whether the turn goes on only because a Stop hook asked for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum StopHook {
    Active,
    Idle,
}

fn tool(call: &Call) -> Value {
    let mut input = json!({ "command": call.command, "description": call.description });
    if call.kind != crate::ledger::Kind::Foreground {
        input["run_in_background"] = true.into();
    }
    let mut tool =
        json!({ "tool_name": "Bash", "tool_use_id": call.tool_use_id, "tool_input": input });
    if let Some(agent) = &call.agent {
        tool["agent_id"] = agent.as_str().into();
        tool["agent_type"] = "Explore".into();
    }
    tool
}

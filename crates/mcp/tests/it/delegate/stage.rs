//! A home with scripts in place of Claude Code.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use rmcp::RoleClient;
use rmcp::service::RequestHandle;
use serde_json::{Value, json};
use sisyphus_testing::{Client, Shell, copy_program, wait_for, write_program};

use crate::model::{Answer, Model};

/// The session's Claude Code: keeps its arguments and its prompt, calls a tool, and answers when it may.
const SESSION: &str = r#"#!/bin/bash
n=1; while ! mkdir "call-$n" 2>/dev/null; do n=$((n + 1)); done
cat > "call-$n/prompt"
echo '{"type":"system","subtype":"init","model":"opus"}'
echo '{"type":"assistant","message":{"content":[{"type":"tool_use","name":"Grep"}]}}'
echo "$*" > "call-$n/args"
until [ -e go ]; do sleep 0.02; done
echo '{"type":"result","subtype":"success","is_error":false,"result":"it is 42","num_turns":2,"total_cost_usd":0.25}'
"#;

pub(super) struct Stage {
    pub(super) client: Client,
    calls: AtomicU32,
}

impl Stage {
    pub(super) fn new() -> Self {
        let stage = Self { client: Client::new(Shell::Bash), calls: AtomicU32::new(0) };
        let program = stage.bin().join("claude");
        fs::create_dir_all(stage.bin()).unwrap();
        write_program(&program, SESSION);
        stage
    }

    fn bin(&self) -> PathBuf {
        self.client.env.path().join("bin")
    }

    /// The calling Claude Code with these arguments, and its server.
    pub(super) fn caller(&self, args: &[&str]) -> Model {
        self.caller_named("claude", args)
    }

    /// The same as a program of this name. A copy of the shell plays it: so it has a program and arguments of its own,
    /// like Claude Code. Like an old version after an update, it is gone when a session starts.
    pub(super) fn caller_named(&self, name: &str, args: &[&str]) -> Model {
        let folder = self.client.env.path().join("old");
        fs::create_dir_all(&folder).unwrap();
        let program = folder.join(name);
        copy_program(Shell::Bash.program(), &program);
        let server = self.client.env.command("sisyphus-mcp");
        let server = Path::new(server.get_program()).display().to_string();
        let mut command = self.client.env.plain(program.to_str().unwrap());
        // The shell stays the server's parent, because it has something to do after it.
        command.arg("-c").arg(format!("{server}; exit $?")).args(args);
        command.env("CLAUDE_CODE_SESSION_ID", "session-1");
        command.env("PATH", format!("{}:/usr/bin:/bin", self.bin().display()));
        let model = Model::of_command(command);
        fs::remove_file(program).unwrap();
        model
    }

    /// Delegates from the main conversation, which accepts edits.
    pub(super) fn delegate(&self, model: &Model, ask: &Value) -> Answer {
        self.delegate_as(model, ask, &json!({ "permission_mode": "acceptEdits" }))
    }

    /// Delegates where the hook sees these fields too.
    pub(super) fn delegate_as(&self, model: &Model, ask: &Value, seen: &Value) -> Answer {
        model.end(self.begin(model, ask, seen))
    }

    /// Begins to delegate.
    pub(super) fn begin(
        &self,
        model: &Model,
        ask: &Value,
        seen: &Value,
    ) -> RequestHandle<RoleClient> {
        let id = format!("toolu_d{}", self.calls.fetch_add(1, Ordering::Relaxed));
        let mut event = json!({ "hook_event_name": "PreToolUse", "tool_use_id": id, "tool_input": ask,
                                "tool_name": "mcp__plugin_sisyphus_tasks__delegate_task" });
        for (key, value) in seen.as_object().unwrap() {
            event[key] = value.clone();
        }
        assert_eq!(self.client.hook("sisyphus-pre-tool-use", event), Value::Null);
        model.begin("delegate_task", ask.clone(), Some(&id))
    }

    fn of_call(&self, number: u32, name: &str) -> PathBuf {
        self.client.env.project().join(format!("call-{number}")).join(name)
    }

    /// The arguments of the Claude Code that started as this number, once it runs.
    pub(super) fn arguments_of(&self, number: u32) -> String {
        let path = self.of_call(number, "args");
        wait_for("a session to start", || {
            fs::read_to_string(&path).ok().filter(|it| it.ends_with('\n'))
        })
    }

    pub(super) fn prompt_of(&self, number: u32) -> String {
        fs::read_to_string(self.of_call(number, "prompt")).unwrap()
    }

    /// How many have started.
    pub(super) fn started(&self) -> usize {
        let entries = fs::read_dir(self.client.env.project()).unwrap();
        let names = entries.map(|entry| entry.unwrap().file_name());
        names.filter(|name| name.to_string_lossy().starts_with("call-")).count()
    }

    /// Lets all sessions answer.
    pub(super) fn go(&self) {
        fs::write(self.client.env.project().join("go"), "").unwrap();
    }

    /// What the next prompt brings to the model.
    pub(super) fn told(&self) -> String {
        let event = json!({ "hook_event_name": "UserPromptSubmit", "prompt": "and now?" });
        let reply = self.client.hook("sisyphus-user-prompt-submit", event);
        reply["hookSpecificOutput"]["additionalContext"].as_str().unwrap_or_default().to_owned()
    }
}

/// What `background_output` shows of a task, once its runner has reported a tool call.
pub(super) fn wait_for_progress(model: &Model, task: &str) -> Answer {
    wait_for("a report", || {
        let shown = model.output(json!({ "task_id": task })).good();
        (shown.data["status"] == "running" && shown.data["delegated"]["tool_calls"] == 1)
            .then_some(shown)
    })
}

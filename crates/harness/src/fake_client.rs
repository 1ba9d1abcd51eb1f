//! A fake of Claude Code where the real one is not needed: its events, its notices and its shells, as measured.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result};
use serde_json::{Value, json};

/// One session of a fake client.
#[derive(Debug)]
pub struct Session {
    pub id: String,
    cwd: PathBuf,
    /// Where Claude Code would keep the outputs of this session's commands.
    outputs: PathBuf,
    /// Where Claude Code would keep the line that SessionStart puts in front of every command.
    pub env_file: PathBuf,
}

/// The model's call of one background command.
#[derive(Debug, Clone)]
pub struct Call {
    pub tool_use_id: String,
    pub command: String,
    pub description: String,
}

/// How Claude Code reports that a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    Code(i32),
}

impl Session {
    /// A session in the folder `cwd`, for a client whose temporary folder is `client_tmp`.
    pub fn new(id: &str, cwd: &Path, client_tmp: &Path, env_file: PathBuf) -> Result<Self> {
        let outputs = client_tmp.join("-proj").join(id).join("tasks");
        fs::create_dir_all(&outputs)
            .with_context(|| format!("could not create `{}`", outputs.display()))?;
        Ok(Self { id: id.to_owned(), cwd: cwd.to_owned(), outputs, env_file })
    }

    /// SessionStart; `source` is `startup`, `resume`, `compact` or `clear`.
    pub fn start(&self, source: &str) -> Value {
        self.event("SessionStart", json!({ "source": source }))
    }

    /// PreToolUse of a background call.
    pub fn announce(&self, call: &Call) -> Value {
        self.event("PreToolUse", Self::tool(call))
    }

    /// PostToolUse: the call runs in the background.
    pub fn bind(&self, call: &Call, client_id: &str) -> Value {
        let mut more = Self::tool(call);
        more["tool_response"] =
            json!({ "stdout": "", "stderr": "", "backgroundTaskId": client_id });
        self.event("PostToolUse", more)
    }

    /// UserPromptSubmit with a prompt that the user typed.
    pub fn typed(&self) -> Value {
        self.event("UserPromptSubmit", json!({ "prompt": "go on" }))
    }

    /// UserPromptSubmit with Claude Code's notice of an end.
    pub fn notice(&self, call: &Call, client_id: &str, end: End) -> Value {
        let (status, verdict) = match end {
            End::Code(0) => ("completed", "completed (exit code 0)".to_owned()),
            End::Code(code) => ("failed", format!("failed with exit code {code}")),
        };
        let Call { tool_use_id, description, .. } = call;
        let output = self.output(client_id);
        let prompt = format!(
            "<task-notification>\n<task-id>{client_id}</task-id>\n<tool-use-id>{tool_use_id}</tool-use-id>\n\
             <output-file>{}</output-file>\n<status>{status}</status>\n\
             <summary>Background command \"{description}\" {verdict}</summary>\n</task-notification>",
            output.display()
        );
        self.event("UserPromptSubmit", json!({ "prompt": prompt }))
    }

    fn tool(call: &Call) -> Value {
        json!({
            "tool_name": "Bash",
            "tool_use_id": call.tool_use_id,
            "tool_input": {
                "command": call.command,
                "description": call.description,
                "run_in_background": true,
            },
        })
    }

    fn event(&self, name: &str, mut event: Value) -> Value {
        event["hook_event_name"] = name.into();
        event["session_id"] = self.id.as_str().into();
        event["cwd"] = self.cwd.to_string_lossy().into();
        event
    }

    /// Claude Code's output file of a task.
    pub fn output(&self, client_id: &str) -> PathBuf {
        self.outputs.join(format!("{client_id}.output"))
    }

    /// Completes `shell`, the shell's program in the right environment, as Claude Code starts it for `command`.
    pub fn shell(&self, mut shell: Command, command: &str, client_id: &str) -> Result<Command> {
        let snippet = fs::read_to_string(&self.env_file)
            .with_context(|| format!("could not read `{}`", self.env_file.display()))?;
        let string = format!(
            "true && {snippet}: && eval {} < /dev/null && pwd -P >| {}",
            as_written(command),
            self.outputs.join(format!("{client_id}-cwd")).display()
        );
        let path = self.output(client_id);
        let output = File::options()
            .append(true)
            .create(true)
            .open(&path)
            .with_context(|| format!("could not create `{}`", path.display()))?;
        shell.args(["-c", &string]).stdin(Stdio::null()).stdout(output.try_clone()?).stderr(output);
        Ok(shell)
    }
}

/// Claude Code quotes every command except a single word of harmless characters.
pub fn as_written(command: &str) -> String {
    let is_harmless =
        |character: char| character.is_ascii_alphanumeric() || "_-./:=@,+".contains(character);
    if !command.is_empty() && command.chars().all(is_harmless) {
        return command.to_owned();
    }
    format!("'{}'", command.replace('\'', "'\"'\"'"))
}

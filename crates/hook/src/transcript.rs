//! Claude Code's transcript of a conversation: what became of a prompt or an event that our hook added to, and what killed
//! hooks did not report.
//!
//! One line is one JSON object. Claude Code writes it, so text that the model or a command printed is in it as a
//! string, never as a field. A line in another format is ignored (CC-46, CC-71).

mod reports;

use std::cell::OnceCell;
use std::path::{Path, PathBuf};

use anyhow::Result;
use chrono::{DateTime, Utc};
use serde_json::Value;
use sisyphus_base::atomic;
use sisyphus_base::id::{AgentId, ClientTaskId, TaskId, ToolUseId};

use crate::event::{BackgroundCommand, Tool};
use crate::notification::{Notification, OPEN, Prompt, read_prompt};
use reports::Reports;

/// How much of its end is read, in bytes: the relevant lines were written seconds ago.
const TAIL_BYTES: u64 = 512 * 1024;

/// The beginning of the reason that our own hook gives when it blocks a prompt. The transcript has it.
pub(crate) const OUR_REASON: &str = "sisyphus:";
/// What the model reads when the user has pressed Esc.
const INTERRUPTED: &str = "[Request interrupted by user";

/// The end of a transcript. What is looked for in it is looked for once.
#[derive(Debug, Default)]
pub struct Transcript {
    text: String,
    extent: Extent,
    reports: OnceCell<Reports>,
    first: Time,
    last_notice: Time,
    last_prompt: Time,
    last_interruption: Time,
    last_answer: Time,
    last_block: Time,
}

/// When Claude Code wrote a line; none if there is none.
type Time = OnceCell<Option<DateTime<Utc>>>;

/// How much of a transcript was read.
#[derive(Debug, Default, PartialEq, Eq)]
enum Extent {
    #[default]
    Whole,
    End,
}

/// A background call, from its answer and its request in the transcript.
#[derive(Debug, Clone)]
pub struct AnsweredCall {
    pub client_id: ClientTaskId,
    pub tool_use_id: ToolUseId,
    pub answered_at: DateTime<Utc>,
    pub cwd: PathBuf,
    /// The tool of its shell.
    pub tool: Tool,
    pub command: BackgroundCommand,
}

impl Transcript {
    /// The file of a subagent's transcript, given that of the main conversation (CC-97).
    pub fn of_agent(main: &Path, agent: &AgentId) -> PathBuf {
        main.with_extension("").join("subagents").join(format!("agent-{agent}.jsonl"))
    }

    /// `None` if there is no such file.
    pub fn read_end(path: &Path) -> Result<Option<Self>> {
        let bytes = atomic::read_linked_end(path, TAIL_BYTES)?;
        Ok(bytes.map(|bytes| {
            let is_whole = (bytes.len() as u64) < TAIL_BYTES;
            let extent = if is_whole { Extent::Whole } else { Extent::End };
            let text = String::from_utf8_lossy(&bytes).into_owned();
            Self { text, extent, ..Self::default() }
        }))
    }

    /// Whether the model has read a report of this task: since then the transcript has one that goes on with one of these
    /// words.
    pub fn is_told(&self, id: &TaskId, words: &[&str], since: DateTime<Utc>) -> bool {
        let read = || Reports::read(self.lines_with("\"hook_additional_context\""));
        // An earlier report of it is another attempt.
        self.reports.get_or_init(read).has(id, words, since)
    }

    /// Whether the model has read a notice of Claude Code since then, whatever that was about (CC-91).
    pub fn has_notice_since(&self, since: DateTime<Utc>) -> bool {
        let last = self.last_notice.get_or_init(|| {
            let entries = self.lines_with(OPEN).filter_map(|line| read_as(line, "user"));
            // A command's output is a string further inside.
            last_time(entries.filter(|entry| {
                entry["message"]["content"].as_str().is_some_and(|it| it.starts_with(OPEN))
            }))
        });
        *last > Some(since)
    }

    /// Whether the model has read a prompt since then, whatever it was.
    pub fn has_prompt_since(&self, since: DateTime<Utc>) -> bool {
        let last =
            self.last_prompt.get_or_init(|| {
                let entries = self.lines_with("\"user\"").filter_map(|line| read_as(line, "user"));
                // The answer of a tool is no string.
                last_time(entries.filter(|entry| {
                    entry["message"]["content"].is_string() && entry["isMeta"] != true
                }))
            });
        *last > Some(since)
    }

    /// Whether the user has interrupted Claude Code since then (CC-96).
    pub fn has_interruption_since(&self, since: DateTime<Utc>) -> bool {
        let last = self.last_interruption.get_or_init(|| {
            let entries = self.lines_with(INTERRUPTED).filter_map(|line| read_as(line, "user"));
            // A typed prompt is a string, and a command's output one further inside.
            last_time(entries.filter(|entry| {
                let text = entry.pointer("/message/content/0/text").and_then(Value::as_str);
                text.is_some_and(|it| it.starts_with(INTERRUPTED))
            }))
        });
        *last > Some(since)
    }

    /// Whether the model has said something since then.
    pub fn has_answer_since(&self, since: DateTime<Utc>) -> bool {
        let last = self.last_answer.get_or_init(|| {
            let answers = self.lines_with("\"assistant\"");
            last_time(answers.filter_map(|line| read_as(line, "assistant")))
        });
        *last > Some(since)
    }

    /// Whether a hook that is not ours has blocked a prompt since then.
    pub fn has_block_since(&self, since: DateTime<Utc>) -> bool {
        let find = || self.text.lines().filter_map(blocked_at).max();
        *self.last_block.get_or_init(find) >= Some(since)
    }

    /// Whether the part that was read begins no later than that. Otherwise a line of that time may precede it.
    pub fn reaches_back_to(&self, time: DateTime<Utc>) -> bool {
        self.extent == Extent::Whole || self.first().is_some_and(|at| at <= time)
    }

    /// Whether all that was read was written after that time.
    pub fn begins_after(&self, time: DateTime<Utc>) -> bool {
        self.extent == Extent::End && self.first().is_some_and(|at| at > time)
    }

    fn first(&self) -> Option<DateTime<Utc>> {
        *self.first.get_or_init(|| self.text.lines().find_map(written_at))
    }

    /// The background commands of the main conversation for which `is_meant` holds, given Claude Code's id, the call's
    /// id and the time of the answer. A call whose request precedes the part that is read is omitted.
    pub fn background_calls(
        &self,
        is_meant: impl Fn(&ClientTaskId, &ToolUseId, DateTime<Utc>) -> bool,
    ) -> Vec<AnsweredCall> {
        let answers = self.lines_with("\"backgroundTaskId\"");
        answers.filter_map(|line| self.answered_call(line, &is_meant)).collect()
    }

    fn answered_call(
        &self,
        line: &str,
        is_meant: impl Fn(&ClientTaskId, &ToolUseId, DateTime<Utc>) -> bool,
    ) -> Option<AnsweredCall> {
        let entry = parsed(line)?;
        if entry["type"] != "user" || entry["isSidechain"] == true {
            return None;
        }
        let text = |pointer| entry.pointer(pointer)?.as_str();
        let client_id = ClientTaskId::new(text("/toolUseResult/backgroundTaskId")?).ok()?;
        let tool_use_id = ToolUseId::new(text("/message/content/0/tool_use_id")?).ok()?;
        let answered_at = text("/timestamp")?.parse().ok()?;
        let cwd = PathBuf::from(text("/cwd")?);
        if !is_meant(&client_id, &tool_use_id, answered_at) {
            return None;
        }
        let (tool, command) = self.command(&tool_use_id)?;
        Some(AnsweredCall { client_id, tool_use_id, answered_at, cwd, tool, command })
    }

    /// The tool and the input of the call, if it was one for a shell.
    fn command(&self, call: &ToolUseId) -> Option<(Tool, BackgroundCommand)> {
        let id = format!("\"{call}\"");
        let blocks = self.lines_with(&id).filter_map(message_content).flatten();
        let mut asked = blocks.filter_map(|block| {
            let is_asked = block["type"] == "tool_use" && block["id"] == call.as_str();
            let tool = match block["name"].as_str().filter(|_| is_asked)? {
                "Bash" => Tool::Bash,
                "PowerShell" => Tool::PowerShell,
                _ => return None,
            };
            Some((tool, block))
        });
        let (tool, block) = asked.next()?;
        Some((tool, BackgroundCommand::of(block["input"].as_object()?)?))
    }

    /// Claude Code's notices that background commands finished, the oldest first, each as often as it occurs.
    pub fn notices(&self) -> Vec<Notification> {
        self.lines_with(OPEN).filter_map(notices).flatten().collect()
    }

    /// The lines that hold these words. Few lines are worth parsing.
    fn lines_with<'a>(&'a self, words: &'a str) -> impl Iterator<Item = &'a str> {
        self.text.lines().filter(move |line| line.contains(words))
    }
}

fn message_content(line: &str) -> Option<Vec<Value>> {
    let mut entry: Value = serde_json::from_str(line).ok()?;
    entry.pointer_mut("/message/content")?.as_array_mut().map(std::mem::take)
}

/// The notices that Claude Code queued for the conversation with this line.
fn notices(line: &str) -> Option<Vec<Notification>> {
    let entry = read_as(line, "queue-operation").filter(|it| it["operation"] == "enqueue")?;
    match read_prompt(entry["content"].as_str()?) {
        Prompt::Notices(notices) => Some(notices),
        Prompt::Typed | Prompt::OwnWake | Prompt::Foreign => None,
    }
}

/// When a hook that is not ours blocked a prompt, if this line says that one did.
fn blocked_at(line: &str) -> Option<DateTime<Utc>> {
    if !line.contains("\"blocked_by_hook\"") {
        return None;
    }
    let entry = parsed(line)?;
    let ending = entry.pointer("/promptSubmitEnding/ending")?;
    let is_ours = ending["reason"].as_str().is_some_and(|reason| reason.starts_with(OUR_REASON));
    if ending["kind"] != "blocked_by_hook" || is_ours {
        return None;
    }
    time_of(&entry)
}

fn parsed(line: &str) -> Option<Value> {
    serde_json::from_str(line).ok()
}

/// The line, if it is of this type.
fn read_as(line: &str, kind: &str) -> Option<Value> {
    parsed(line).filter(|entry| entry["type"] == kind)
}

/// When Claude Code wrote this line, if it says so.
fn written_at(line: &str) -> Option<DateTime<Utc>> {
    time_of(&parsed(line)?)
}

fn last_time(entries: impl Iterator<Item = Value>) -> Option<DateTime<Utc>> {
    entries.filter_map(|entry| time_of(&entry)).max()
}

fn time_of(entry: &Value) -> Option<DateTime<Utc>> {
    entry["timestamp"].as_str()?.parse().ok()
}

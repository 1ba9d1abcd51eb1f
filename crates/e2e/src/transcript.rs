//! What the model reads: the texts of a request, tool results, notifications, and our reminders.

use anyhow::{Context as _, Result};
use serde_json::Value;

use super::api::Request;

/// Every reminder of the plugin starts like this.
const OURS: &str = "[sisyphus] ";
/// What may follow a reminder in the same text: Claude Code joins several texts with blank lines.
const NEXT: [&str; 4] = [
    "\n[SYSTEM NOTIFICATION",
    "</system-reminder>",
    "\n<task-notification>",
    " hook additional context: ",
];

/// The result of a tool call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ToolResult {
    pub(crate) id: String,
    pub(crate) text: String,
    pub(crate) is_error: bool,
}

/// Claude Code's own notice that a task ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Notification {
    pub(crate) task: String,
    pub(crate) call: String,
    pub(crate) output_file: String,
    pub(crate) status: String,
    pub(crate) summary: String,
}

impl Request {
    /// Every text of every message, in order.
    pub(crate) fn texts(&self) -> Vec<String> {
        let mut texts = Vec::new();
        for message in self.body["messages"].as_array().into_iter().flatten() {
            collect_texts(&message["content"], &mut texts);
        }
        texts
    }

    pub(crate) fn text(&self) -> String {
        self.texts().join("\n")
    }

    /// The plugin's reminders, each up to the start of the next text.
    pub(crate) fn reminders(&self) -> Vec<String> {
        self.texts().iter().flat_map(|text| reminders_in(text)).collect()
    }

    pub(crate) fn notifications(&self) -> Vec<Notification> {
        self.texts().iter().flat_map(|text| notifications_in(text)).collect()
    }

    /// All tool results, in the order of their calls' ids.
    pub(crate) fn tool_results(&self) -> Vec<ToolResult> {
        let messages = self.body["messages"].as_array().into_iter().flatten();
        let blocks =
            messages.flat_map(|message| message["content"].as_array().into_iter().flatten());
        let mut results: Vec<_> =
            blocks.filter(|block| block["type"] == "tool_result").map(tool_result).collect();
        // Claude Code runs read-only calls in parallel and answers them as they end.
        results.sort_by(|one, other| one.id.cmp(&other.id));
        results
    }

    pub(crate) fn tool_result(&self, id: &str) -> Result<ToolResult> {
        let found = self.tool_results().into_iter().find(|result| result.id == id);
        found.with_context(|| format!("no tool result for `{id}`"))
    }
}

impl ToolResult {
    /// The output file of a background call.
    pub(crate) fn output_file(&self) -> Result<&str> {
        let (_, rest) = self
            .text
            .split_once("Output is being written to: ")
            .with_context(|| self.unexpected())?;
        let (file, _) = rest.split_once(".output").with_context(|| self.unexpected())?;
        Ok(&rest[..file.len() + ".output".len()])
    }

    /// Claude Code's id of a background call.
    pub(crate) fn task(&self) -> Result<&str> {
        let (_, rest) = self.text.split_once("with ID: ").with_context(|| self.unexpected())?;
        rest.split('.').next().with_context(|| self.unexpected())
    }

    fn unexpected(&self) -> String {
        format!("the call `{}` did not start a background task: {}", self.id, self.text)
    }
}

fn collect_texts(content: &Value, texts: &mut Vec<String>) {
    match content {
        Value::String(text) => texts.push(text.clone()),
        Value::Array(blocks) => blocks.iter().for_each(|block| collect_texts(block, texts)),
        Value::Object(block) => {
            for key in ["text", "content"] {
                block.get(key).into_iter().for_each(|inner| collect_texts(inner, texts));
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

fn tool_result(block: &Value) -> ToolResult {
    let mut texts = Vec::new();
    collect_texts(&block["content"], &mut texts);
    let id = block["tool_use_id"].as_str().unwrap_or_default().to_owned();
    ToolResult { id, text: texts.join("\n"), is_error: block["is_error"] == true }
}

fn reminders_in(text: &str) -> Vec<String> {
    // Only at the start of a line or of a hook's context: a command may quote a reminder.
    let starts = text.match_indices(OURS).map(|(start, _)| start).filter(|start| {
        let before = &text[..*start];
        before.is_empty()
            || before.ends_with('\n')
            || before.ends_with(" hook additional context: ")
    });
    let starts: Vec<usize> = starts.collect();
    let mut found: Vec<String> = Vec::new();
    let mut last_end = 0;
    for start in starts {
        if start < last_end {
            continue;
        }
        let rest = &text[start..];
        let length = NEXT.iter().filter_map(|marker| rest.find(marker)).min().unwrap_or(rest.len());
        last_end = start + length;
        found.push(rest[..length].to_owned());
    }
    found
}

fn notifications_in(text: &str) -> Vec<Notification> {
    let parts = text.split("<task-notification>").skip(1);
    let parts =
        parts.filter_map(|part| part.split_once("</task-notification>").map(|(inside, _)| inside));
    parts
        .map(|inside| Notification {
            task: element(inside, "task-id"),
            call: element(inside, "tool-use-id"),
            output_file: element(inside, "output-file"),
            status: element(inside, "status"),
            summary: element(inside, "summary"),
        })
        .collect()
}

fn element(text: &str, name: &str) -> String {
    let inside = text
        .split_once(&format!("<{name}>"))
        .and_then(|(_, rest)| rest.split_once(&format!("</{name}>")));
    inside.map(|(value, _)| value.to_owned()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Instant;

    use serde_json::json;

    use super::*;

    fn request(content: &Value) -> Request {
        let body = json!({ "messages": [{ "role": "user", "content": content }] });
        Request { arrived: Instant::now(), body: Arc::new(body) }
    }

    #[test]
    fn a_reminder_ends_where_the_next_thing_begins() {
        let text = "<task-notification>\n<task-id>b1</task-id>\n<status>failed</status>\n</task-notification>\n\n\
            UserPromptSubmit hook additional context: [sisyphus] Background task t1\n\ncommand: x\n\n\
            [SYSTEM NOTIFICATION - NOT USER INPUT]\n\nPostToolUse:Bash hook additional context: [sisyphus] runs";
        let request = request(&json!([{ "type": "text", "text": text }]));
        assert_eq!(
            request.reminders(),
            ["[sisyphus] Background task t1\n\ncommand: x\n", "[sisyphus] runs"]
        );
        assert_eq!(request.notifications()[0].task, "b1");
        assert_eq!(request.notifications()[0].status, "failed");
    }

    #[test]
    fn a_quoted_reminder_is_none() {
        assert_eq!(request(&json!("$ echo '[sisyphus] x'")).reminders(), Vec::<String>::new());
    }

    #[test]
    fn results_are_found_by_call() {
        let started = "Command running in background with ID: b12. Output is being written to: /tmp/a.b/b12.output. You";
        let request = request(&json!([
            { "type": "tool_result", "tool_use_id": "two", "content": [{ "type": "text", "text": "x" }], "is_error": true },
            { "type": "tool_result", "tool_use_id": "one", "content": started },
        ]));
        let one = request.tool_result("one").unwrap();
        assert_eq!(one.output_file().unwrap(), "/tmp/a.b/b12.output");
        assert_eq!(one.task().unwrap(), "b12");
        assert!(request.tool_result("two").unwrap().is_error);
        assert!(request.tool_result("three").is_err());
    }
}

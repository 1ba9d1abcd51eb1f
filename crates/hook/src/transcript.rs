//! The client's transcript of a conversation: what became of a prompt that we had added to.

use std::path::Path;

use anyhow::Result;
use chrono::{DateTime, Utc};
use serde_json::Value;
use sisyphus_core::atomic;
use sisyphus_core::id::TaskId;

/// How much of its end is read, in bytes: what matters was written seconds ago.
const TAIL_BYTES: u64 = 512 * 1024;
/// Two processes noted the two times.
const SLACK: chrono::Duration = chrono::Duration::seconds(1);

/// What the reason begins with that our own hook gives for a prompt that it blocks.
const OUR_REASON: &str = "sisyphus:";
/// How it goes on behind the task's id where we say something of a task that has not ended: its limit, its place in the
/// queue, its silence.
const NO_REPORT: [&str; 3] = ["is ", "may run for ", "still "];

/// The results that went out with a prompt which another hook has blocked: the transcript tells of a blocked prompt since
/// then, and not of these results. A transcript that can't be read, or that looks otherwise than on 2.1.329, tells of
/// none. `sent` holds each result, and when it went out.
pub fn blocked(transcript: &Path, sent: &[(TaskId, DateTime<Utc>)]) -> Result<Vec<TaskId>> {
    let Some(bytes) = atomic::read_linked_end(transcript, TAIL_BYTES)? else {
        return Ok(Vec::new());
    };
    let text = String::from_utf8_lossy(&bytes);
    let blocks: Vec<DateTime<Utc>> = text.lines().filter_map(blocked_at).collect();
    let is_told = |id: &TaskId| {
        let begins = format!("Background task {id} ");
        let of_hook = text.lines().filter(|line| line.contains("\"hook_additional_context\""));
        of_hook.flat_map(|line| line.split(&begins).skip(1)).any(is_report)
    };
    let is_doubtful = |at: &DateTime<Utc>| blocks.iter().any(|block| *block + SLACK >= *at);
    let doubtful = sent.iter().filter(|(_, at)| is_doubtful(at));
    Ok(doubtful.map(|(id, _)| id).filter(|id| !is_told(id)).cloned().collect())
}

fn is_report(rest: &str) -> bool {
    !NO_REPORT.iter().any(|words| rest.starts_with(words))
}

/// When a hook that is not ours blocked a prompt, if this line says that one did.
fn blocked_at(line: &str) -> Option<DateTime<Utc>> {
    // Few lines are worth a parse.
    if !line.contains("\"blocked_by_hook\"") {
        return None;
    }
    let entry: Value = serde_json::from_str(line).ok()?;
    let ending = entry.pointer("/promptSubmitEnding/ending")?;
    let is_ours = ending["reason"].as_str().is_some_and(|reason| reason.starts_with(OUR_REASON));
    if ending["kind"] != "blocked_by_hook" || is_ours {
        return None;
    }
    entry["timestamp"].as_str()?.parse().ok()
}

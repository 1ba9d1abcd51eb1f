//! The report on a finished delegated session: what it cost, what it was denied, where it worked, and what it answered.

#[cfg(test)]
mod tests;

use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom};

use sisyphus_base::text::{Cleaned, clean, clean_line, one_line};
use sisyphus_tasks::outcome::Outcome;
use sisyphus_tasks::session::{AskedBy, Delegated, SessionReport, Worktree, dollars};
use sisyphus_tasks::status::Ending;
use sisyphus_tasks::task::Task;

use super::measure::{bytes, counted, length};

/// Most characters of a report on a session, and of the answer in it.
pub(super) const SESSION_MAX: usize = 5_000;
const ANSWER_MAX: usize = 4_000;
/// A report that has less room for the answer only names the way to it.
const ANSWER_LEAST: usize = 500;
/// How much of a long answer is read, in bytes, at either end.
const READ_MAX: u64 = 128 * 1024;
/// Most characters of the name of an agent, a tool or a branch.
const NAME_MAX: usize = 60;
/// How many denied tools a report names.
const DENIED_NAMED: usize = 5;
/// Most characters of what a session says about its failure.
const PROBLEM_MAX: usize = 300;
/// Most characters of the path of a worktree.
const PATH_MAX: usize = 300;

/// What reads a report. It gets the way to the rest that it can go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Audience {
    /// The model, with our tools.
    Model,
    /// A terminal.
    Terminal,
}

/// The lines between the first sentence and the answer.
pub(super) fn facts(session: &Delegated) -> String {
    let mut text = format!("session: {}\n", about(session).join(", "));
    let Some(report) = &session.report else { return text };
    if let Some(denied) = denied(report) {
        text.push_str(&format!("denied: {denied}\n"));
    }
    if let Some(problem) = &report.problem {
        text.push_str(&format!("problem: {}\n", one_line(problem, PROBLEM_MAX)));
    }
    if let Some(worktree) = &report.worktree {
        text.push_str(&format!("worktree: {}\n", worktree_line(worktree)));
    }
    text
}

/// Its conversation, its agent and its figures.
fn about(session: &Delegated) -> Vec<String> {
    let mut parts = vec![session.conversation.to_string()];
    parts
        .extend(session.agent.as_ref().map(|agent| format!("agent {}", one_line(agent, NAME_MAX))));
    if let Some(report) = &session.report {
        parts.extend(report.turns.map(|turns| amount(turns, "turn", "turns")));
        parts.push(amount(report.tool_calls, "tool call", "tool calls"));
        parts.extend(report.cost_micro_usd.map(dollars));
    }
    parts
}

/// What a table calls it: "session (explore)".
pub(super) fn named(session: &Delegated) -> String {
    let agent = session.agent.as_ref().map(|agent| format!(" ({})", one_line(agent, NAME_MAX)));
    format!("session{}", agent.unwrap_or_default())
}

/// "12 turns".
pub(super) fn amount(count: u64, one: &str, several: &str) -> String {
    counted(usize::try_from(count).unwrap_or(usize::MAX), one, several)
}

/// The tools whose calls were denied, with how often: "Bash (2), Write"; `None` if there are none.
pub fn denied(report: &SessionReport) -> Option<String> {
    let denials = report.denials();
    let name = |(tool, count): &(&str, usize)| match count {
        1 => one_line(tool, NAME_MAX),
        count => format!("{} ({count})", one_line(tool, NAME_MAX)),
    };
    let mut names: Vec<String> = denials.iter().take(DENIED_NAMED).map(name).collect();
    if let Some(more @ 1..) = denials.len().checked_sub(DENIED_NAMED) {
        names.push(format!("{more} more"));
    }
    (!names.is_empty()).then(|| names.join(", "))
}

/// Where a session worked, and what it changed there.
pub fn worktree_line(worktree: &Worktree) -> String {
    let path = one_line(&worktree.path.to_string_lossy(), PATH_MAX);
    let branch = worktree.branch.as_ref();
    let branch = branch.map(|branch| format!(" (branch {})", one_line(branch, NAME_MAX)));
    let changes = match worktree.changes {
        _ if worktree.removed_at.is_some() => {
            "no changes, so it was removed; continuing the session makes it again".to_owned()
        }
        None => "changes unknown".to_owned(),
        Some(it) if it.files == 0 && it.commits == 0 => "no changes".to_owned(),
        Some(it) => format!(
            "{}, {}",
            counted(it.files, "changed file", "changed files"),
            counted(it.commits, "commit", "commits")
        ),
    };
    format!("{path}{}: {changes}", branch.unwrap_or_default())
}

/// How to continue a session that did not complete; `None` if it completed, or never began a conversation.
pub(super) fn continuation(task: &Task, session: &Delegated, ending: &Ending) -> Option<String> {
    if ending.outcome == Outcome::Completed || !session.has_conversation(ending) {
        return None;
    }
    Some(match session.asked_by {
        AskedBy::Model { .. } => format!(
            "To continue it: `delegate_task(session_id=\"{}\", prompt=\"…\")`\n",
            session.conversation
        ),
        AskedBy::Person => {
            format!("To continue it: `sisyphus delegate --continue {} \"…\"`\n", task.id)
        }
    })
}

/// Its cost and the way to its answer, in one line.
pub(super) fn in_short(task: &Task, session: &Delegated) -> String {
    let cost = session.report.as_ref().and_then(|report| report.cost_micro_usd);
    let cost = cost.map(|cost| format!("cost: {}; ", dollars(cost))).unwrap_or_default();
    format!("{cost}its answer: {}\n", way(task, Audience::Model))
}

/// The call or the command that brings the whole answer.
fn way(task: &Task, audience: Audience) -> String {
    match audience {
        Audience::Model => format!("`background_output(task_id=\"{}\")`", task.id),
        Audience::Terminal => format!("`sisyphus output {}`", task.id),
    }
}

/// Quotes the answer in at most `room` characters. Of a longer one it quotes the beginning and the end.
pub(super) fn answer(
    task: &Task,
    file: Option<&File>,
    room: usize,
    audience: Audience,
) -> io::Result<String> {
    let Some(file) = file else { return Ok("answer: none\n".to_owned()) };
    let read = ReadAnswer::of(file)?;
    if read.head.is_empty() {
        return Ok("answer: none\n".to_owned());
    }
    let size = bytes(read.size);
    let room = room.min(ANSWER_MAX);
    let rest = format!("whole answer: {}\n", way(task, audience));
    if let Some(lines) = read.whole(room) {
        let head = head(&size, "all of it");
        let quoted = quoted(&lines);
        if length(&head) + length(&quoted) <= room {
            return Ok(head + &quoted);
        }
    }
    if room < ANSWER_LEAST {
        return Ok(format!("answer ({size}; not shown)\n{rest}"));
    }
    let head = head(&size, "its beginning and its end");
    let left = room.saturating_sub(length(&head) + length(&rest));
    Ok(head + &quoted(&read.ends(left)) + &rest)
}

fn head(size: &str, which: &str) -> String {
    format!("answer ({size}; {which}; each line after \"| \" is the session's):\n")
}

fn quoted(lines: &[String]) -> String {
    lines.iter().map(|line| format!("| {line}\n")).collect()
}

/// What was read of an answer: its lines, and if it is long, only those at its beginning and its end.
struct ReadAnswer {
    size: u64,
    head: Vec<Vec<u8>>,
    /// Empty if `head` is the whole answer.
    tail: Vec<Vec<u8>>,
}

impl ReadAnswer {
    fn of(mut file: &File) -> io::Result<Self> {
        let size = file.metadata()?.len();
        let mut part = |start, length| {
            let mut bytes = Vec::new();
            file.seek(SeekFrom::Start(start))?;
            file.take(length).read_to_end(&mut bytes)?;
            io::Result::Ok(bytes)
        };
        if size <= 2 * READ_MAX {
            return Ok(Self { size, head: lines(&part(0, size)?), tail: Vec::new() });
        }
        let (head, tail) = (lines(&part(0, READ_MAX)?), lines(&part(size - READ_MAX, READ_MAX)?));
        Ok(Self { size, head, tail })
    }

    /// All lines, unless one of them alone is too long.
    fn whole(&self, max: usize) -> Option<Vec<String>> {
        if !self.tail.is_empty() {
            return None;
        }
        let whole = |line: &Vec<u8>| match clean(line, max) {
            Cleaned::Whole(text) => Some(text),
            Cleaned::Cut(_) => None,
        };
        self.head.iter().map(whole).collect()
    }

    /// The beginning and the end around a mark, in at most `max` characters with the marks of the quotation.
    fn ends(&self, max: usize) -> Vec<String> {
        let half = max.saturating_sub(60) / 2;
        // A line that is long itself leaves room for others.
        let show = |line: &Vec<u8>| clean_line(line, half / 3);
        let cost = |text: &String| length(text) + 3;
        let (mut first, mut left) = (Vec::new(), half);
        for text in self.head.iter().map(show) {
            let Some(rest) = left.checked_sub(cost(&text)) else { break };
            left = rest;
            first.push(text);
        }
        let is_whole = self.tail.is_empty();
        let end = if is_whole { &self.head[first.len()..] } else { &self.tail[..] };
        let (mut last, mut left) = (Vec::new(), half);
        for text in end.iter().rev().map(show) {
            let Some(rest) = left.checked_sub(cost(&text)) else { break };
            left = rest;
            last.push(text);
        }
        let mark = match end.len() - last.len() {
            0 if is_whole => None,
            missing if is_whole => {
                Some(format!("[… {} left out …]", counted(missing, "line", "lines")))
            }
            _ => Some("[… the middle is left out …]".to_owned()),
        };
        last.reverse();
        first.into_iter().chain(mark).chain(last).collect()
    }
}

/// The lines without the final line break.
fn lines(bytes: &[u8]) -> Vec<Vec<u8>> {
    let text = bytes.trim_ascii_end();
    if text.is_empty() {
        return Vec::new();
    }
    text.split(|&byte| byte == b'\n').map(<[u8]>::to_vec).collect()
}

//! What the client knows of its calls, and what it was told: the other side of the account.

use std::fmt;
use std::fs;
use std::sync::{Mutex, MutexGuard, PoisonError};

use anyhow::Result;
use serde_json::Value;

use super::home::{Answer, Home};
use crate::stand_in::{Call, End, Session};

/// Whether a hook did what it is for, as its effect shows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Effect {
    #[default]
    NotTried,
    Seen,
    /// It was killed, or could not.
    Missing,
}

/// How one call went, as the client saw it.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub(super) call: Call,
    /// The exit code that its command ends with if it is left alone; none if it does not end.
    pub(super) code: Option<i32>,
    /// The client's id of its task, if its shell was started.
    pub(super) client_id: Option<String>,
    pub(super) announced: Effect,
    pub(super) bound: Effect,
    pub(super) heard: Effect,
    /// How its shell ended; `Killed` if that was by a signal.
    pub(super) end: Option<End>,
    pub(super) stop: Stop,
    /// How often its command began, by its own account.
    pub(super) began: usize,
}

impl fmt::Display for Entry {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { call, code, announced, bound, heard, end, stop, began, .. } = self;
        write!(
            formatter,
            "{}: `{}`, would end with {code:?}; announced {announced:?}, bound {bound:?}, heard {heard:?}, \
             began {began} times, ended {end:?}, stop {stop:?}",
            call.description, call.command
        )
    }
}

/// Whether somebody stopped a task: the model, or a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stop {
    Asked,
    None,
}

/// One result that was told to the model.
#[derive(Debug, Clone)]
pub(super) struct Telling {
    pub(super) task: String,
    /// The description of the call.
    pub(super) call: String,
    pub(super) mark: Mark,
}

/// Whether a telling said that it may not be the first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mark {
    None,
    PossiblyRepeated,
}

/// The account of one storm.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    entries: Mutex<Vec<Entry>>,
    tellings: Mutex<Vec<Telling>>,
    complaints: Mutex<Vec<String>>,
    fates: Mutex<Fates>,
}

/// How many processes of ours ended in which way.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Fates {
    pub(super) ended: usize,
    pub(super) killed: usize,
}

impl Ledger {
    pub(super) fn add(&self, entry: Entry) {
        lock(&self.entries).push(entry);
    }

    pub(super) fn entries(&self) -> Vec<Entry> {
        lock(&self.entries).clone()
    }

    pub(super) fn tellings(&self) -> Vec<Telling> {
        lock(&self.tellings).clone()
    }

    pub(super) fn complaints(&self) -> Vec<String> {
        lock(&self.complaints).clone()
    }

    pub(super) fn fates(&self) -> Fates {
        *lock(&self.fates)
    }

    /// Something that must not happen at any time.
    pub(super) fn complain(&self, complaint: String) {
        lock(&self.complaints).push(complaint);
    }

    /// Takes down how a process of ours ended; returns what it printed, if it lived to its end.
    pub(super) fn note(&self, answer: Result<Answer>) -> Option<String> {
        match answer {
            Ok(Answer { code: Some(_), stdout, .. }) => {
                lock(&self.fates).ended += 1;
                Some(stdout)
            }
            Ok(Answer { code: None, .. }) => {
                lock(&self.fates).killed += 1;
                None
            }
            Err(error) => {
                self.complain(format!("{error:#}"));
                None
            }
        }
    }

    /// The same for a hook, whose words the model hears.
    pub(super) fn hear(&self, answer: Result<Answer>) -> Heard {
        // What one printed that was killed afterwards may have been heard all the same.
        let stdout = answer.as_ref().map(|answer| answer.stdout.clone()).unwrap_or_default();
        let has_lived = self.note(answer).is_some();
        if stdout.is_empty() {
            return Heard::Nothing;
        }
        let Ok(reply) = serde_json::from_str::<Value>(&stdout) else {
            // Cut off in the middle; the client can't read that either.
            if has_lived {
                self.complain(format!("a hook printed no JSON: {stdout}"));
            }
            return Heard::Nothing;
        };
        let text = reply["hookSpecificOutput"]["additionalContext"].as_str().unwrap_or_default();
        let told: Vec<Telling> = text.lines().filter_map(telling).collect();
        lock(&self.tellings).extend(told);
        Heard::Something
    }
}

/// Whether a hook said anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Heard {
    Nothing,
    Something,
}

/// Reads the line that begins the report on a task. What a command printed stands behind a `|` and is none.
fn telling(line: &str) -> Option<Telling> {
    let (mark, line) = match line.strip_prefix("(possibly repeated) ") {
        Some(rest) => (Mark::PossiblyRepeated, rest),
        None => (Mark::None, line),
    };
    let rest = line.strip_prefix("[sisyphus] Background task ")?;
    let (task, rest) = rest.split_once(' ')?;
    let (call, end) = rest.strip_prefix("(\"")?.split_once("\") ")?;
    // What is said of its place in line is no result.
    if end.starts_with("is number ") {
        return None;
    }
    Some(Telling { task: task.to_owned(), call: call.to_owned(), mark })
}

/// Whether the state knows the call as one that was announced.
pub(super) fn is_recorded(home: &Home, call: &Call) -> Effect {
    let active = fs::read_to_string(home.state().join("active.json")).unwrap_or_default();
    seen(active.contains(&format!("\"{}\"", call.tool_use_id)))
}

/// Whether the state knows the task as the client's, in the order in which a task moves through the files.
pub(super) fn is_bound(home: &Home, session: &Session, client_id: &str) -> Effect {
    let outbox = format!("outbox/{}.json", session.id);
    let is_there = ["active.json", &outbox, "completed.json", "failed.json"].iter().any(|name| {
        let text = fs::read_to_string(home.state().join(name)).unwrap_or_default();
        // Delivered, or said by the client: the runner's word alone does not count.
        let quoted = format!("\"{client_id}\"");
        let is_said = text.match_indices(&quoted).any(|(start, _)| {
            let behind = text[start + quoted.len()..].trim_start_matches([',', ' ', '\n']);
            let witness = behind.strip_prefix("\"said_by\":").map(str::trim_start);
            witness.is_some_and(|it| it.starts_with("\"client\""))
        });
        is_said || text.contains(&format!(" {client_id} "))
    });
    seen(is_there)
}

fn seen(is_there: bool) -> Effect {
    if is_there { Effect::Seen } else { Effect::Missing }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // A writer that panicked has failed the storm already.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_is_read_and_a_quotation_is_not() {
        let line =
            "[sisyphus] Background task t12 (\"call 7\") completed with exit code 0 after 1 s.";
        let told = telling(line).unwrap();
        assert_eq!(
            (told.task.as_str(), told.call.as_str(), told.mark),
            ("t12", "call 7", Mark::None)
        );
        let again = telling(&format!("(possibly repeated) {line}")).unwrap();
        assert_eq!(again.mark, Mark::PossiblyRepeated);
        assert!(telling(&format!("| {line}")).is_none());
        let waits = "[sisyphus] Background task t12 (\"call 7\") is number 3 in the queue. At most";
        assert!(telling(waits).is_none());
    }
}

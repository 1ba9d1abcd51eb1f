//! Lines of a task's output that its reader gets while the task runs: those that match the pattern of a watch, and the one
//! that says where a service listens. Pure: what looks for them is not decided here.
//!
//! Each line is delivered once, or again with a mark. A reminder takes all that is there; what comes after that waits for the
//! next one.

#[cfg(test)]
mod tests;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use sisyphus_base::clock::Tick;
use sisyphus_base::process_ref::ProcessRef;

use crate::delivery::{Attempt, Channel, DeliveryEvent};

/// What follows the name of a task in a report of its lines.
pub const PREDICATE: &str = "printed ";
/// Most lines of one reminder.
pub const LINES_MAX: usize = 20;

/// What is looked for in the output of a task, and how far the output was searched.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Watch {
    /// A regular expression.
    pub pattern: String,
    /// Most lines of one reminder.
    pub max: usize,
    /// Where the search goes on, in bytes of the output. It moves with each line that is found.
    pub offset: u64,
    /// The server that searches.
    pub by: ProcessRef,
}

/// Lines that were found.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Found {
    /// The line that says where a service listens.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    /// The first lines that match.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lines: Vec<String>,
    /// How many more match.
    #[serde(default, skip_serializing_if = "crate::is_default")]
    pub more: u64,
}

impl Found {
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// How many lines match.
    pub fn count(&self) -> u64 {
        self.lines.len() as u64 + self.more
    }

    /// Adds what was found later.
    pub fn absorb(&mut self, later: Self, max: usize) {
        self.address = self.address.take().or(later.address);
        for line in later.lines {
            // A line after one that was only counted would seem to follow the lines that are shown.
            if self.more == 0 && self.lines.len() < max {
                self.lines.push(line);
            } else {
                self.more = self.more.saturating_add(1);
            }
        }
        self.more = self.more.saturating_add(later.more);
    }
}

/// Lines on their way to the reader.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Out {
    found: Found,
    #[serde(default, skip_serializing_if = "crate::is_default")]
    attempt: Attempt,
    stage: Stage,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Stage {
    /// This process is about to print them, or died while doing so.
    Leased(ProcessRef),
    /// They went out with a prompt, or with another event. Whether the model reads it is not known yet.
    Sent {
        at: DateTime<Utc>,
        with: Channel,
        /// The Claude Code that got them.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        client: Option<ProcessRef>,
    },
}

/// The watch of a task, and what was found.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Matches {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    watch: Option<Watch>,
    /// Where the service listens, in its own words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    address: Option<String>,
    /// What no reminder has yet.
    #[serde(default, skip_serializing_if = "Found::is_empty")]
    unread: Found,
    #[serde(default, skip_serializing_if = "crate::is_default")]
    attempt: Attempt,
    /// Since when there is something unread.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    since: Option<Tick>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    out: Vec<Out>,
}

impl Matches {
    pub fn watch(&self) -> Option<&Watch> {
        self.watch.as_ref()
    }

    /// Where the service listens, in its own words.
    pub fn address(&self) -> Option<&str> {
        self.address.as_deref()
    }

    /// Begins a watch. It takes the place of another one.
    pub fn begin(&mut self, watch: Watch) {
        self.watch = Some(watch);
    }

    /// Another server goes on with the watch.
    pub fn adopt(&mut self, by: ProcessRef) {
        if let Some(watch) = &mut self.watch {
            watch.by = by;
        }
    }

    /// Ends the watch. What was found stays unread.
    pub fn end(&mut self) -> Option<Watch> {
        self.watch.take()
    }

    /// Adds lines that were found between the offset of the watch and `to`. If `from` is not that offset, another server
    /// has added them, or the watch is another one, and nothing changes.
    pub fn add(&mut self, from: u64, to: u64, found: Found, now: Tick) -> bool {
        let Some(watch) = self.watch.as_mut().filter(|watch| watch.offset == from) else {
            return false;
        };
        watch.offset = to;
        let max = watch.max.min(LINES_MAX);
        self.absorb(found, max, now);
        true
    }

    /// Adds the line that says where the service listens, unless there was one.
    pub fn listens(&mut self, line: &str, now: Tick) {
        if self.address.is_none() {
            self.address = Some(line.to_owned());
            self.absorb(Found { address: Some(line.to_owned()), ..Found::default() }, 0, now);
        }
    }

    fn absorb(&mut self, found: Found, max: usize, now: Tick) {
        if !found.is_empty() {
            self.since.get_or_insert(now);
            self.unread.absorb(found, max);
        }
    }

    /// Since when something waits for a reader. What a dead process was about to print waits for ever.
    pub fn unread_since(&self, may_print: impl Fn(&ProcessRef) -> bool) -> Option<Tick> {
        let is_lost = |out: &Out| matches!(&out.stage, Stage::Leased(by) if !may_print(by));
        if self.out.iter().any(is_lost) { Some(Tick(0)) } else { self.since }
    }

    /// The processes that are about to print lines, or died before they acknowledged that.
    pub fn holders(&self) -> impl Iterator<Item = &ProcessRef> {
        self.out.iter().filter_map(|out| match &out.stage {
            Stage::Leased(by) => Some(by),
            Stage::Sent { .. } => None,
        })
    }

    /// When lines were sent of which nothing is known yet, with what, and to which Claude Code.
    pub fn sent(&self) -> impl Iterator<Item = (DateTime<Utc>, Channel, Option<&ProcessRef>)> {
        self.out.iter().filter_map(|out| match &out.stage {
            Stage::Leased(_) => None,
            Stage::Sent { at, with, client } => Some((*at, *with, client.as_ref())),
        })
    }

    /// Leases everything that is unread for a process to print, with what a dead process was about to print.
    pub fn lease(
        &mut self,
        by: &ProcessRef,
        may_print: impl Fn(&ProcessRef) -> bool,
    ) -> Option<(Found, Attempt)> {
        let is_lost = |out: &Out| matches!(&out.stage, Stage::Leased(by) if !may_print(by));
        for lost in self.out.extract_if(.., |out| is_lost(out)).collect::<Vec<_>>() {
            self.put_back(lost.found, lost.attempt.repeated());
        }
        if self.unread.is_empty() {
            return None;
        }
        let found = std::mem::take(&mut self.unread);
        let attempt = std::mem::take(&mut self.attempt);
        self.since = None;
        self.out.push(Out { found: found.clone(), attempt, stage: Stage::Leased(by.clone()) });
        Some((found, attempt))
    }

    /// The process has printed what it leased, for this Claude Code.
    pub fn printed(
        &mut self,
        by: &ProcessRef,
        with: Channel,
        at: DateTime<Utc>,
        client: Option<&ProcessRef>,
    ) {
        let is_its = |out: &&mut Out| matches!(&out.stage, Stage::Leased(holder) if holder == by);
        for out in self.out.iter_mut().filter(is_its) {
            out.stage = Stage::Sent { at, with, client: client.cloned() };
        }
    }

    /// What became of the prompt or the event that carried lines.
    pub fn resolve(&mut self, sent_at: DateTime<Utc>, event: &DeliveryEvent, now: Tick) {
        let is_it = |out: &mut Out| matches!(out.stage, Stage::Sent { at, .. } if at == sent_at);
        for out in self.out.extract_if(.., is_it).collect::<Vec<_>>() {
            if *event == DeliveryEvent::Blocked {
                self.put_back(out.found, out.attempt);
            } else if *event == DeliveryEvent::Unconfirmed {
                self.put_back(out.found, out.attempt.repeated());
            } else {
                continue;
            }
            self.since = Some(now);
        }
    }

    /// Nothing says whether the model has read what was sent.
    pub fn doubt(&mut self, now: Tick) {
        for at in self.sent().map(|(at, ..)| at).collect::<Vec<_>>() {
            self.resolve(at, &DeliveryEvent::Unconfirmed, now);
        }
    }

    /// Puts lines in front of those that came later.
    fn put_back(&mut self, found: Found, attempt: Attempt) {
        let later = std::mem::replace(&mut self.unread, found);
        self.unread.absorb(later, LINES_MAX);
        if attempt != Attempt::First {
            self.attempt = attempt;
        }
    }

    /// Forgets what no reader has, because the reader has ended the watch or the task.
    pub fn forget_unread(&mut self) {
        (self.unread, self.attempt, self.since) = Default::default();
    }

    /// Whether the reader has everything that was found.
    pub fn is_read(&self) -> bool {
        self.unread.is_empty() && self.out.is_empty()
    }
}

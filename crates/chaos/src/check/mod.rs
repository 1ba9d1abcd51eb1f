//! The checker: every background command is reported exactly once, with its own outcome, or once more with a mark.

mod excuse;
mod story;
mod telling;

use std::collections::{BTreeMap, BTreeSet};

use excuse::excuse;
use story::{Stories, Story, Told};
use telling::Mark;

use super::ledger::{Event, Fate, Kind, Line};

/// The result of a check.
#[derive(Debug, Default)]
pub(super) struct Verdict {
    /// How many background commands ended.
    pub(super) endings: usize,
    pub(super) never: Vec<String>,
    pub(super) twice: Vec<String>,
    pub(super) wrong: Vec<String>,
    /// The most background commands that ran at once.
    pub(super) at_once: usize,
    /// The same, counting only commands whose runner could know that they run in the background.
    pub(super) limited_at_once: usize,
    /// The commands that were not reported because every process that knew of them was killed, by cause.
    pub(super) excused: BTreeMap<&'static str, usize>,
    pub(super) notes: BTreeMap<&'static str, usize>,
    /// Other violations.
    pub(super) violations: Vec<String>,
}

impl Verdict {
    fn note(&mut self, what: &'static str) {
        *self.notes.entry(what).or_default() += 1;
    }
}

/// Checks a ledger.
pub(super) fn check(lines: &[Line]) -> Verdict {
    let stories = Stories::of(lines);
    let mut verdict = Verdict {
        at_once: at_once(lines, &stories, &[Story::is_background]),
        limited_at_once: at_once(lines, &stories, &[Story::is_background, Story::is_limited]),
        ..Verdict::default()
    };
    for story in stories.by_call.values() {
        ran_once(&mut verdict, story);
        told_once(&mut verdict, &stories, story);
        told_right(&mut verdict, &stories, story);
    }
    for telling in &stories.strange {
        verdict.wrong.push(format!("no call of ours: {}", telling.line));
    }
    for Line { event, .. } in lines {
        if let Event::Violation { text } = event {
            verdict.violations.push(text.clone());
        }
        if let Event::Hook(hook) = event {
            match hook.fate {
                Fate::Exited => {}
                Fate::Killed => verdict.note("hooks killed"),
                Fate::Orphaned => verdict.note("hooks that lost their client"),
            }
        }
    }
    verdict
}

/// How many background commands ran at once. Each command records its start after it has started and its end before it
/// ends, and a killer records the kill before it. So this is never too high.
fn at_once<'a>(lines: &[Line], stories: &Stories<'a>, counts: &[fn(&Story<'a>) -> bool]) -> usize {
    let mut running = BTreeSet::new();
    let mut most = 0;
    for Line { event, .. } in lines {
        match event {
            Event::Started { call, .. } => {
                let counts = |story: &Story<'a>| counts.iter().all(|counts| counts(story));
                if stories.by_call.get(call).is_some_and(counts) {
                    running.insert(*call);
                }
            }
            Event::Ended { call, .. } | Event::Killed { call, .. } => {
                running.remove(call);
            }
            Event::Called(_)
            | Event::Launched { .. }
            | Event::Exited { .. }
            | Event::Answered { .. }
            | Event::Noticed { .. }
            | Event::Hook(_)
            | Event::ClientKilled { .. }
            | Event::Violation { .. } => {}
        }
        most = most.max(running.len());
    }
    most
}

/// With or without the plugin the command runs once, and the fake client sees its exit code.
fn ran_once(verdict: &mut Verdict, story: &Story<'_>) {
    let starts = story.starters.len();
    let call = story.call.number;
    let least = usize::from(story.is_launched && story.killed.is_none());
    if starts > 1 || starts < least {
        verdict.violations.push(format!("call {call} started {starts} times"));
    }
    if story.exited.is_some() && story.ended.is_none() && story.killed.is_none() {
        verdict.violations.push(format!("call {call} was ended, and not by the harness"));
    }
    if let (Some((_, own)), None, Some((code, signal))) = (story.ended, story.killed, story.exited)
        && code != Some(own)
    {
        verdict.violations.push(format!(
            "call {call} exits with {own}, and the fake client saw {code:?}, signal {signal:?}"
        ));
    }
    if story.call.kind == Kind::Background && starts > 0 && !story.is_supervised() {
        verdict.note("commands that no runner supervised");
    }
}

fn told_once(verdict: &mut Verdict, stories: &Stories<'_>, story: &Story<'_>) {
    let call = story.call.number;
    let read: Vec<&Told<'_>> = story.told.iter().filter(|told| told.was_read()).collect();
    let unmarked = read.iter().filter(|told| told.telling.mark == Mark::None).count();
    if unmarked > 1 {
        let lines: Vec<&str> = read.iter().map(|told| told.telling.line.as_str()).collect();
        verdict.twice.push(format!("call {call}: {}", lines.join(" / ")));
    }
    if read.iter().any(|told| told.telling.mark == Mark::Redelivery) {
        verdict.note("commands reported again with a mark");
    }
    if !story.is_owed() {
        return;
    }
    verdict.endings += 1;
    if !read.is_empty() {
        return;
    }
    if let Some(cause) = excuse(stories, story) {
        *verdict.excused.entry(cause).or_default() += 1;
        return;
    }
    if !story.is_noticed {
        verdict.note("commands never reported, and the fake client's own notice was not read");
    }
    verdict.never.push(describe(story));
}

fn told_right(verdict: &mut Verdict, stories: &Stories<'_>, story: &Story<'_>) {
    let is_watched = story.is_supervised() || story.was_noticed();
    for told in &story.told {
        if stories.is_out_of_sight(story, told) {
            verdict.note("commands reported as unwatched while they ran");
        } else if let Some(what) = fault(story, told, is_watched) {
            verdict.wrong.push(format!("{what}: {}; {}", told.telling.line, describe(story)));
        }
    }
    let is_short = |told: &&Told<'_>| told.telling.command.is_none();
    if story.told.iter().any(|told| is_short(&told)) {
        verdict.note("commands reported without their text");
    }
}

/// What is wrong with a report.
fn fault(story: &Story<'_>, told: &Told<'_>, is_watched: bool) -> Option<&'static str> {
    let telling = &told.telling;
    if story.call.kind != Kind::Background {
        return Some("not a background command");
    }
    if told.by.session != story.call.session {
        return Some("reported to another session");
    }
    if told.by.agent.is_some() && told.by.agent != story.call.agent {
        return Some("reported to another agent");
    }
    if story.over_at().is_none_or(|over| over > told.at) {
        return Some("reported before its end");
    }
    if !story.allows(telling.outcome, is_watched) {
        return Some("another outcome");
    }
    let own = format!("output of call {}", story.call.number);
    if telling.output.iter().any(|line| line.starts_with("output of call ") && *line != own) {
        return Some("the output of another");
    }
    if telling.command.as_ref().is_some_and(|command| *command != story.call.command) {
        return Some("the command of another");
    }
    None
}

fn describe(story: &Story<'_>) -> String {
    let Story { call, starters, ended, killed, exited, is_noticed, is_answered, .. } = story;
    let hooks: Vec<String> = story
        .hooks
        .iter()
        .map(|run| format!("{} {:?}", run.hook.trim_start_matches("sisyphus-"), run.fate))
        .collect();
    format!(
        "call {} of {} (agent {:?}), started by {starters:?}, ended {:?}, killed {:?}, seen {exited:?}, answered \
         {is_answered}, noticed {is_noticed}; named to: {}",
        call.number,
        call.session,
        call.agent,
        ended.map(|(_, code)| code),
        killed.map(|(_, cause)| cause),
        hooks.join(", ")
    )
}

#[cfg(test)]
mod tests;

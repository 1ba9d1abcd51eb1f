//! What the ledger says about one call: the fate of its command, and the reports on it.

use std::collections::BTreeMap;

use super::telling::{Outcome, Telling, tellings};
use crate::ledger::{Call, Cause, Event, Fate, HookRun, Kind, Line};

/// The signals of a requested stop.
const TERM: i32 = 15;
const KILL: i32 = 9;

/// The hook that runs for a prompt or a notice.
const PROMPT: &str = "sisyphus-user-prompt-submit";
const ANSWER: &str = "sisyphus-post-tool-use";

/// One call.
#[derive(Debug)]
pub(super) struct Story<'a> {
    pub(super) call: &'a Call,
    pub(super) is_launched: bool,
    /// The processes that started its shell, one for each start of the command.
    pub(super) starters: Vec<&'a str>,
    /// Where the command's own line says that it exits, and with which code.
    pub(super) ended: Option<(u64, i32)>,
    pub(super) killed: Option<(u64, Cause)>,
    /// How the fake client saw the shell exit: code and signal.
    pub(super) exited: Option<(Option<i32>, Option<i32>)>,
    /// Where the ledger says that. The runner has exited before it, and has left its result.
    pub(super) exited_at: Option<u64>,
    pub(super) is_answered: bool,
    pub(super) is_noticed: bool,
    pub(super) hooks: Vec<&'a HookRun>,
    pub(super) told: Vec<Told<'a>>,
}

/// One report, and the hook that printed it.
#[derive(Debug)]
pub(super) struct Told<'a> {
    pub(super) at: u64,
    pub(super) by: &'a HookRun,
    pub(super) telling: Telling,
}

impl Told<'_> {
    /// Whether the model has read it: the hook exited, and its client was alive.
    pub(super) fn was_read(&self) -> bool {
        self.by.fate == Fate::Exited
    }
}

/// Everything in the ledger, by call.
#[derive(Debug, Default)]
pub(super) struct Stories<'a> {
    pub(super) by_call: BTreeMap<usize, Story<'a>>,
    /// Hooks whose client was killed before it read their answers, with the place in the ledger.
    pub(super) strange: Vec<Telling>,
    /// Hooks that were not killed and must report everything owed to their session.
    pub(super) orphaned: Vec<(u64, &'a HookRun)>,
    /// Hooks that lived and have to report all that is owed to their session.
    pub(super) prompts: Vec<&'a HookRun>,
    pub(super) killed_clients: Vec<&'a str>,
}

impl<'a> Stories<'a> {
    pub(super) fn of(lines: &'a [Line]) -> Self {
        let mut stories = Self::default();
        for Line { at, event } in lines {
            if let Event::Called(call) = event {
                stories.by_call.insert(call.number, Story::new(call));
            }
            if let Event::Hook(hook) = event {
                stories.hook(*at, hook);
            }
            if let Event::ClientKilled { session } = event {
                stories.killed_clients.push(session);
            }
            let number = match event {
                Event::Launched { call }
                | Event::Started { call, .. }
                | Event::Ended { call, .. }
                | Event::Killed { call, .. }
                | Event::Exited { call, .. }
                | Event::Answered { call }
                | Event::Noticed { call } => *call,
                Event::Called(_)
                | Event::Hook(_)
                | Event::ClientKilled { .. }
                | Event::Violation { .. } => continue,
            };
            if let Some(story) = stories.by_call.get_mut(&number) {
                story.add(*at, event);
            }
        }
        stories
    }

    /// Whether a report correctly says of a command that may still run that nothing watches it.
    pub(super) fn is_out_of_sight(&self, story: &Story<'_>, told: &Told<'_>) -> bool {
        !story.is_supervised()
            && told.telling.outcome == Outcome::Unknown
            && told.telling.line.contains("may still run")
            && self.killed_clients.contains(&story.call.session.as_str())
    }

    fn hook(&mut self, at: u64, hook: &'a HookRun) {
        match hook.fate {
            Fate::Orphaned => self.orphaned.push((at, hook)),
            Fate::Exited if hook.hook == PROMPT => self.prompts.push(hook),
            Fate::Exited | Fate::Killed => {}
        }
        for name in &hook.names {
            if let Some(story) = self.by_call.get_mut(name) {
                story.hooks.push(hook);
            }
        }
        for telling in tellings(&hook.stdout) {
            match telling.call.and_then(|call| self.by_call.get_mut(&call)) {
                Some(story) => story.told.push(Told { at, by: hook, telling }),
                None => self.strange.push(telling),
            }
        }
    }
}

impl<'a> Story<'a> {
    fn new(call: &'a Call) -> Self {
        Self {
            call,
            is_launched: false,
            starters: Vec::new(),
            ended: None,
            killed: None,
            exited: None,
            exited_at: None,
            is_answered: false,
            is_noticed: false,
            hooks: Vec::new(),
            told: Vec::new(),
        }
    }

    fn add(&mut self, at: u64, event: &'a Event) {
        match event {
            Event::Launched { .. } => self.is_launched = true,
            Event::Started { by, .. } => self.starters.push(by),
            Event::Ended { code, .. } => self.ended = Some((at, *code)),
            // A command that the model stopped counts as stopped, even if it was also killed.
            Event::Killed { cause, .. } if self.killed.is_none() || *cause == Cause::TaskStop => {
                self.killed = Some((self.killed.map_or(at, |(first, _)| first), *cause));
            }
            Event::Exited { code, signal, .. } => {
                self.exited = Some((*code, *signal));
                self.exited_at = Some(at);
            }
            Event::Answered { .. } => self.is_answered = true,
            Event::Noticed { .. } => self.is_noticed = true,
            Event::Killed { .. }
            | Event::Called(_)
            | Event::Hook(_)
            | Event::ClientKilled { .. }
            | Event::Violation { .. } => {}
        }
    }

    /// Whether a background command ran, or was about to, so that its end must be reported.
    pub(super) fn is_owed(&self) -> bool {
        let is_over = self.ended.is_some() || self.killed.is_some() || self.exited.is_some();
        let is_stopped = matches!(self.killed, Some((_, Cause::TaskStop)));
        self.call.kind == Kind::Background && is_over && !is_stopped
    }

    /// Whether it ran in the background and so counts against the limit.
    pub(super) fn is_background(&self) -> bool {
        self.call.kind == Kind::Background
    }

    pub(super) fn is_supervised(&self) -> bool {
        self.starters.first().is_some_and(|by| by.starts_with("sisyphus-run"))
    }

    /// Whether its runner could know that it runs in the background: a hook that was not killed has seen the fake
    /// client's answer. Without that it may be a foreground command, which must not wait.
    pub(super) fn is_limited(&self) -> bool {
        let is_answer = |run: &HookRun| run.hook == ANSWER && run.fate == Fate::Exited;
        self.is_supervised() && self.hooks.iter().any(|run| is_answer(run))
    }

    /// Whether a hook that was not killed has seen the fake client's notice.
    pub(super) fn was_noticed(&self) -> bool {
        let is_notice = |run: &HookRun| run.hook == PROMPT;
        self.hooks.iter().any(|run| is_notice(run) && run.fate == Fate::Exited)
    }

    /// Where the earliest line stands that shows that it is over.
    pub(super) fn over_at(&self) -> Option<u64> {
        let killed = self.killed.map(|(at, _)| at);
        [self.ended.map(|(at, _)| at), killed].into_iter().flatten().min()
    }

    /// Whether this outcome is possible. `is_watched`: a runner or a hook saw its end.
    pub(super) fn allows(&self, outcome: Outcome, is_watched: bool) -> bool {
        let is_seen = |code: i32| {
            let signal = self.exited.and_then(|(_, signal)| signal);
            self.exited.is_some_and(|(seen, _)| seen == Some(code))
                || signal.is_some_and(|signal| code == 128 + signal)
        };
        match outcome {
            Outcome::Code(code) => {
                let is_own = self.ended.is_some_and(|(_, own)| own == code);
                is_own || (self.killed.is_some() && (is_seen(code) || code == 128 + KILL))
            }
            Outcome::Signal(signal) => self.killed.is_some() && [KILL, TERM].contains(&signal),
            Outcome::Stopped => matches!(self.killed, Some((_, Cause::TaskStop))),
            // No other process watched the command of a killed runner.
            Outcome::Unknown => match self.killed {
                Some((_, Cause::Runner | Cause::TaskStop)) => true,
                Some((_, Cause::Shell)) | None => !is_watched,
            },
            Outcome::TimedOut => false,
        }
    }
}

//! A conversation's turns: what starts one, what arrives during it, and how it ends.

use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use super::call::Plan;
use super::events::StopHook;
use super::session::{Notice, Reply, Session};
use crate::ledger::Event;
use crate::lock;
use crate::running::Running;

/// After this many answers of Stop hooks in a row Claude Code ends the turn anyway.
const STOP_ANSWERS_MAX: usize = 8;

impl Session {
    /// A turn: the user types a prompt, the model makes calls, one message after the other, and the turn ends.
    pub(crate) fn turn(self: &Arc<Self>, messages: &[Vec<Plan>]) -> Vec<Running> {
        self.prompt();
        let mut running = Vec::new();
        for plans in messages {
            running.extend(self.call_all(plans));
            self.submit_arrived();
        }
        self.end_turn();
        running
    }

    /// The user types a prompt.
    pub(crate) fn prompt(&self) -> Reply {
        self.hook("sisyphus-user-prompt-submit", &self.events.prompt("go on"), &[], None)
    }

    /// The session idles; what arrives starts a turn.
    pub(crate) fn idle(self: &Arc<Self>, time: Duration) {
        let deadline = Instant::now() + time;
        loop {
            self.answer_arrived();
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            let inbox = lock(&self.inbox);
            let is_empty = |inbox: &mut std::collections::VecDeque<Notice>| inbox.is_empty();
            drop(self.arrived.wait_timeout_while(inbox, left, is_empty));
        }
    }

    /// Submits what has arrived, and runs a turn if the model reads any of it.
    fn answer_arrived(self: &Arc<Self>) {
        if self.submit_arrived() > 0 {
            // Notices that arrive while hooks run are submitted in the same turn.
            self.submit_arrived();
            self.end_turn();
        }
    }

    /// Submits what has arrived, one after the other. Returns how many of the prompts the model reads.
    fn submit_arrived(&self) -> usize {
        let mut count = 0;
        loop {
            // The lock is not held while the hook runs.
            let Some(notice) = lock(&self.inbox).pop_front() else { return count };
            count += usize::from(!self.submit(&notice).is_blocked);
        }
    }

    fn submit(&self, notice: &Notice) -> Reply {
        const HOOK: &str = "sisyphus-user-prompt-submit";
        match notice {
            Notice::Wake(words) => self.hook(HOOK, &self.events.wake(words), &[], None),
            Notice::Ended(call, end) => {
                let event = self.events.notice(call, &self.output(call), *end);
                let reply = self.hook(HOOK, &event, &[call.number], None);
                if !reply.is_blocked {
                    self.note(&Event::Noticed { call: call.number });
                }
                reply
            }
        }
    }

    /// Ends the turn: Stop, with a waiter beside it. The answer of a Stop hook continues the conversation.
    pub(crate) fn end_turn(self: &Arc<Self>) {
        let mut is_active = StopHook::Idle;
        for _ in 0..STOP_ANSWERS_MAX {
            let running = lock(&self.live).clone();
            let names: Vec<usize> = running.iter().map(|call| call.number).collect();
            let event = self.events.stop(is_active, &running, &lock(&self.agents));
            if !self.is_over() {
                let (session, event) = (Arc::clone(self), event.clone());
                thread::spawn(move || {
                    if let Some(words) = session.hook("sisyphus-wake", &event, &[], None).wake {
                        lock(&session.inbox).push_back(Notice::Wake(words));
                        session.arrived.notify_all();
                    }
                });
            }
            let reply = self.hook("sisyphus-stop", &event, &names, None);
            if reply.context.is_none() {
                return;
            }
            self.submit_arrived();
            is_active = StopHook::Active;
        }
    }

    /// Starts a subagent in the background.
    pub(crate) fn start_agent(&self, agent: &str) {
        let [before, after] = self.events.agent_call(agent);
        self.hook("sisyphus-pre-tool-use", &before, &[], None);
        self.hook("sisyphus-subagent-start", &self.events.subagent_start(agent), &[], Some(agent));
        self.hook("sisyphus-post-tool-use", &after, &[], None);
        lock(&self.agents).push(agent.to_owned());
    }

    /// A subagent vanishes because its request to the API failed. Only the list of what runs shows that.
    pub(crate) fn lose_agent(&self, agent: &str) {
        lock(&self.agents).retain(|other| other != agent);
    }

    /// Types prompts until no hook answers; false if that does not end.
    pub(crate) fn ask_until_silent(&self, most: usize) -> bool {
        (0..most).any(|_| self.prompt().context.is_none())
    }
}

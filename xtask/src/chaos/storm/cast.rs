//! The sessions of the storm, and one call's way through the client.

use std::collections::BTreeSet;
use std::fs;
use std::process::Child;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError, RwLock};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};

use super::home::Home;
use super::ledger::{Effect, Entry, Heard, Ledger, Stop, is_bound, is_recorded};
use crate::chaos::sys;
use crate::chaos::tree::tree;
use crate::e2e::sys::kill_process;
use crate::stand_in::{Call, End, Session};

/// How long the client leaves a task that it stops before it kills it.
const GRACE: Duration = Duration::from_secs(2);

/// A session, and what the client does one after the other in it.
pub(super) struct Player {
    pub(super) session: Session,
    /// Read by a call on its way to its answer, written by a turn that ends: no turn ends while a call is on its way.
    pub(super) turn: RwLock<()>,
    /// Prompts are submitted one after the other.
    prompts: Mutex<()>,
    /// The client's ids of what runs in the background.
    live: Mutex<BTreeSet<String>>,
}

/// Everything that a writer needs.
pub(super) struct Cast<'a> {
    pub(super) home: &'a Home,
    pub(super) ledger: &'a Ledger,
    pub(super) players: Vec<Player>,
    /// Tasks that run until somebody ends them.
    pub(super) left: Mutex<Vec<Live>>,
    numbers: AtomicUsize,
}

/// A task whose shell was started.
pub(super) struct Live {
    pub(super) player: usize,
    pub(super) child: Child,
    entry: Entry,
}

/// What a call is to run.
pub(super) struct Plan {
    /// A number that no other call has.
    pub(super) number: usize,
    pub(super) command: String,
    /// The exit code that it ends with if it is left alone; none if it does not end.
    pub(super) code: Option<i32>,
}

impl<'a> Cast<'a> {
    pub(super) fn assemble(home: &'a Home, ledger: &'a Ledger, sessions: usize) -> Result<Self> {
        let players = (0..sessions).map(|number| {
            let session = home.session(&format!("session-{number}"))?;
            Ok(Player {
                session,
                turn: RwLock::new(()),
                prompts: Mutex::new(()),
                live: Mutex::default(),
            })
        });
        Ok(Self {
            home,
            ledger,
            players: players.collect::<Result<_>>()?,
            left: Mutex::default(),
            numbers: AtomicUsize::new(0),
        })
    }

    /// A number that no other call has.
    pub(super) fn number(&self) -> usize {
        self.numbers.fetch_add(1, Ordering::Relaxed)
    }

    fn session(&self, player: usize) -> &Session {
        &self.players[player].session
    }

    /// A call up to the permission check, which then denies it.
    pub(super) fn denied(&self, player: usize, plan: Plan) {
        let _turn = self.players[player].turn.read().unwrap_or_else(PoisonError::into_inner);
        let entry = self.announce(player, plan);
        self.ledger.add(entry);
    }

    /// A call up to its answer: its command runs, or waits.
    pub(super) fn begin(&self, player: usize, plan: Plan) -> Result<Live> {
        let _turn = self.players[player].turn.read().unwrap_or_else(PoisonError::into_inner);
        let client_id = format!("b{:08}", plan.number);
        let mut entry = self.announce(player, plan);
        let session = self.session(player);
        let child = self.home.shell(session, &entry.call, &client_id)?;
        lock(&self.players[player].live).insert(client_id.clone());
        let event = session.bind(&entry.call, &client_id);
        self.ledger.hear(self.home.hook("sisyphus-post-tool-use", &event));
        entry.bound = is_bound(self.home, session, &client_id);
        entry.client_id = Some(client_id);
        Ok(Live { player, child, entry })
    }

    fn announce(&self, player: usize, plan: Plan) -> Entry {
        let call = Call {
            tool_use_id: format!("toolu_{:08}", plan.number),
            command: plan.command,
            description: format!("call {}", plan.number),
        };
        let session = self.session(player);
        self.ledger.hear(self.home.hook("sisyphus-pre-tool-use", &session.announce(&call)));
        let announced = is_recorded(self.home, &call);
        Entry {
            call,
            code: plan.code,
            client_id: None,
            announced,
            bound: Effect::NotTried,
            heard: Effect::NotTried,
            end: None,
            stop: Stop::None,
            began: 0,
        }
    }

    /// Waits for the end of a task, and submits the client's notice of it.
    pub(super) fn finish(&self, mut live: Live) -> Result<()> {
        let status = live.child.wait().context("could not wait for a shell")?;
        let end = status.code().map_or(End::Killed, End::Code);
        self.ended(&mut live, end);
        // For the client a shell that died by a signal has failed, with a code as a shell would say it.
        let told = match (end, sys::signal_of(status)) {
            (End::Killed, Some(signal)) => End::Code(128 + signal),
            (end, _) => end,
        };
        self.submit_notice(&mut live, told);
        self.ledger.add(live.entry);
        Ok(())
    }

    /// Finishes what was left running and has ended all the same.
    pub(super) fn finish_left(&self) -> Result<()> {
        let has_ended = |live: &mut Live| !matches!(live.child.try_wait(), Ok(None));
        let ended: Vec<Live> = lock(&self.left).extract_if(.., has_ended).collect();
        ended.into_iter().try_for_each(|live| self.finish(live))
    }

    /// A person stops a task.
    pub(super) fn cancel(&self, mut live: Live) -> Result<()> {
        let client_id = live.entry.client_id.clone().unwrap_or_default();
        live.entry.stop = Stop::Asked;
        self.ledger.note(self.home.sisyphus(&["cancel", &client_id]));
        self.finish(live)
    }

    /// The model stops a task; `notice` says whether the client announces that end too.
    pub(super) fn stop(&self, mut live: Live, notice: Notice) -> Result<()> {
        let client_id = live.entry.client_id.clone().unwrap_or_default();
        let [before, after] = self.session(live.player).task_stop(&client_id);
        self.ledger.hear(self.home.hook("sisyphus-pre-tool-use", &before));
        live.entry.stop = Stop::Asked;
        for process in tree(live.child.id()) {
            sys::terminate(process);
        }
        let deadline = Instant::now() + GRACE;
        while live.child.try_wait()?.is_none() && Instant::now() < deadline {
            thread::sleep(Duration::from_millis(10));
        }
        if live.child.try_wait()?.is_none() {
            tree(live.child.id()).into_iter().for_each(kill_process);
        }
        live.child.wait()?;
        self.ledger.hear(self.home.hook("sisyphus-post-tool-use", &after));
        self.ended(&mut live, End::Killed);
        if notice == Notice::Sent {
            self.submit_notice(&mut live, End::Killed);
        }
        self.ledger.add(live.entry);
        Ok(())
    }

    fn ended(&self, live: &mut Live, end: End) {
        let client_id = live.entry.client_id.clone().unwrap_or_default();
        lock(&self.players[live.player].live).remove(&client_id);
        live.entry.end = Some(end);
        let output = self.session(live.player).output(&client_id);
        let printed = fs::read_to_string(output).unwrap_or_default();
        let begin = begin_line(&live.entry.call.description);
        live.entry.began = printed.lines().filter(|line| *line == begin).count();
    }

    fn submit_notice(&self, live: &mut Live, end: End) {
        let client_id = live.entry.client_id.clone().unwrap_or_default();
        let event = self.session(live.player).notice(&live.entry.call, &client_id, end);
        let _prompt = lock(&self.players[live.player].prompts);
        self.ledger.hear(self.home.hook("sisyphus-user-prompt-submit", &event));
        live.entry.heard = is_bound(self.home, self.session(live.player), &client_id);
    }

    /// Somebody types something.
    pub(super) fn prompt(&self, player: usize) -> Heard {
        let _prompt = lock(&self.players[player].prompts);
        let event = self.session(player).typed();
        self.ledger.hear(self.home.hook("sisyphus-user-prompt-submit", &event))
    }

    /// The conversation is compacted.
    pub(super) fn compact(&self, player: usize) -> Heard {
        let _prompt = lock(&self.players[player].prompts);
        self.ledger.hear(self.home.start_session(self.session(player), "compact"))
    }

    /// The turn ends.
    pub(super) fn end_turn(&self, player: usize) -> Heard {
        let _turn = self.players[player].turn.write().unwrap_or_else(PoisonError::into_inner);
        let _prompt = lock(&self.players[player].prompts);
        let listed: Vec<String> = lock(&self.players[player].live).iter().cloned().collect();
        let event = self.session(player).stop(&listed);
        self.ledger.hear(self.home.hook("sisyphus-stop", &event))
    }
}

/// Whether the client announces an end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Notice {
    Sent,
    Left,
}

/// What the command of a call prints first.
pub(super) fn begin_line(description: &str) -> String {
    format!("begin {description}")
}

impl Plan {
    /// A command that says that it begins, and then does `rest`.
    pub(super) fn new(cast: &Cast<'_>, rest: &str, code: Option<i32>) -> Self {
        let number = cast.number();
        let begin = begin_line(&format!("call {number}"));
        Self { number, command: format!("echo '{begin}'; {rest}"), code }
    }
}

pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // A writer that panicked has failed the storm already.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

//! The end of a scene: the commands finish, the owed reports get their time, and the users type until no hook answers.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Result;

use super::actor::Session;
use super::check::check;
use super::home::Home;
use super::ledger::Event;

/// How long the commands may take to end.
const COMMANDS: Duration = Duration::from_secs(120);
/// How long the owed reports may take without a prompt: the fake client has its time to send a notice, then a waiter
/// must wake the session.
const WAITERS: Duration = Duration::from_secs(8);
/// How long one session idles before the next one.
const SHARE: Duration = Duration::from_millis(100);
/// No session is owed more reminders than this.
const REMINDERS_MAX: usize = 1_000;

/// Waits until the sessions of a home have nothing left to do.
pub(super) fn quiesce(home: &Home, sessions: &[Arc<Session>]) -> Result<()> {
    let deadline = Instant::now() + COMMANDS;
    while has_running(home)? {
        idle(sessions);
        if Instant::now() > deadline {
            home.ledger.append(&Event::Violation { text: "commands did not end".to_owned() })?;
            break;
        }
    }
    let deadline = Instant::now() + WAITERS;
    while !check(&home.ledger.read()?).never.is_empty() && Instant::now() < deadline {
        idle(sessions);
    }
    let late = check(&home.ledger.read()?).never.len();
    if late > 0 {
        println!("        {late} not reported before a person typed");
    }
    for session in sessions {
        // Behind the notices that arrived last.
        session.idle(SHARE);
        session.close();
        // A command that is missing from two lists of what runs counts as ended.
        session.end_turn();
        session.end_turn();
        if !session.ask_until_silent(REMINDERS_MAX) {
            session.warn(format!("{} gets reminders without end", session.name()));
        }
    }
    Ok(())
}

/// Lets the sessions idle side by side.
fn idle(sessions: &[Arc<Session>]) {
    thread::scope(|scope| {
        for session in sessions {
            scope.spawn(|| session.idle(SHARE));
        }
    });
}

/// Whether a command that started, or that its client still lists, has not ended.
fn has_running(home: &Home) -> Result<bool> {
    let mut running = BTreeSet::new();
    for line in home.ledger.read()? {
        match line.event {
            Event::Launched { call } => {
                running.insert(call);
            }
            Event::Ended { call, .. } | Event::Killed { call, .. } | Event::Exited { call, .. } => {
                running.remove(&call);
            }
            Event::Called(_)
            | Event::Started { .. }
            | Event::Answered { .. }
            | Event::Noticed { .. }
            | Event::Hook(_)
            | Event::ClientKilled { .. }
            | Event::Violation { .. } => {}
        }
    }
    Ok(!running.is_empty())
}

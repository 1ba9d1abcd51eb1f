//! The load: several sessions make bursts of calls at once, with turns, idle times and crashes.

use std::sync::Arc;
use std::thread;
use std::time::Instant;

use anyhow::{Result, anyhow};

use super::actor::{Notices, Plan, Session};
use super::ledger::Kind;
use super::random::{Chance, Random};
use super::stage::Stage;

const SESSIONS: usize = 4;
/// The most calls in one message.
const BURST: usize = 8;
/// The longest command, in milliseconds; most are far shorter.
const LONGEST: usize = 400;
/// The longest time that a session idles between two turns, in milliseconds.
const IDLE: usize = 500;
/// If the fake client dies in a turn, it dies within this many milliseconds of the turn's start.
const TURN: usize = 400;
/// How long a crashed client stays away at most, in milliseconds.
const AWAY: usize = 800;

/// Runs until that many background commands were called, or until the time `until`.
pub(super) fn load(stage: &Stage, endings: usize, until: Instant) -> Result<()> {
    let sessions: Vec<Arc<Session>> = (0..SESSIONS)
        .map(|number| stage.session(&format!("session-{number}"), Notices::Sent))
        .collect::<Result<_>>()?;
    thread::scope(|scope| {
        let threads: Vec<_> = sessions
            .iter()
            .zip(2..)
            .map(|(session, number)| {
                let random = Random::of(stage.seed, number);
                scope.spawn(move || converse(stage, session, random, endings / SESSIONS, until))
            })
            .collect();
        for thread in threads {
            thread.join().map_err(|_| anyhow!("a session panicked"))??;
        }
        Ok(())
    })
}

fn converse(
    stage: &Stage,
    session: &Arc<Session>,
    mut random: Random,
    mut left: usize,
    until: Instant,
) -> Result<()> {
    while left > 0 && Instant::now() < until {
        let mut messages = Vec::new();
        for _ in 0..=random.below(2) {
            let count = (1 + random.below(BURST)).min(left);
            left -= count;
            let plans: Vec<Plan> = (0..count).map(|_| plan(&mut random)).collect();
            messages.push(plans);
        }
        let death = stage.injector.hits_client().then(|| random.pause(TURN));
        let running = thread::scope(|scope| {
            if let Some(pause) = death {
                scope.spawn(move || {
                    thread::sleep(pause);
                    session.crash();
                });
            }
            session.turn(&messages)
        });
        if death.is_some() {
            thread::sleep(random.pause(AWAY));
            session.resume()?;
        } else if let Some(one) = random.pick(&running)
            && random.happens(5) == Chance::Yes
        {
            session.stop_task(one)?;
        }
        session.idle(random.pause(IDLE));
    }
    Ok(())
}

fn plan(random: &mut Random) -> Plan {
    let code = i32::try_from(random.below(4)).unwrap_or_default();
    let time = u64::try_from(random.pause(LONGEST).as_millis()).unwrap_or_default();
    let kind = match random.below(100) {
        0..3 => Kind::Denied,
        3..6 => Kind::Foreground,
        _ => Kind::Background,
    };
    Plan::sleep(time, code).kind(kind)
}

//! Clients that send no notices, that are killed and resumed, and whose subagents vanish.

use std::thread;
use std::time::Duration;

use anyhow::Result;

use crate::actor::{Notices, Plan};
use crate::stage::Stage;

/// How long an idle session may wait for an owed report.
const WAKE: Duration = Duration::from_secs(12);

/// No notice arrives: the waiter must wake the session, or Stop must report.
pub(super) fn withheld(stage: &Stage) -> Result<()> {
    let session = stage.session("session-0", Notices::Withheld)?;
    for burst in [1, 4, 8] {
        let plans: Vec<Plan> = (0..burst).map(|code| Plan::sleep(300, code)).collect();
        session.turn(&[plans]);
        stage.expect_told(&session, WAKE)?;
    }
    // Here Stop must report, because the commands end during a long turn.
    let before = session.turn(&[vec![Plan::sleep(50, 5); 3]]).len();
    thread::sleep(Duration::from_secs(4));
    session.turn(&[]);
    stage.expect_endings(&session, 13 + before, WAKE)?;
    stage.expect_told(&session, WAKE)
}

/// Clients are killed while commands run, wait, or are being answered, and are resumed before and after those end.
pub(super) fn resumed(stage: &Stage) -> Result<()> {
    let sessions = ["before", "after", "answering"]
        .map(|name| stage.session(name, Notices::Sent))
        .into_iter()
        .collect::<Result<Vec<_>>>()?;
    for round in 0..3 {
        for session in &sessions {
            let plans: Vec<Plan> = (0..3).map(|code| Plan::sleep(400, code)).collect();
            if session.name() == "answering" {
                let killer = std::sync::Arc::clone(session);
                let crash = thread::spawn(move || {
                    thread::sleep(Duration::from_millis(10 + 15 * round));
                    killer.crash();
                });
                session.call_all(&plans);
                crash.join().map_err(|_| anyhow::anyhow!("a killer panicked"))?;
            } else {
                session.turn(&[plans]);
                session.crash();
            }
        }
        sessions[0].resume()?;
        thread::sleep(Duration::from_millis(1_500));
        sessions[1].resume()?;
        sessions[2].resume()?;
        for session in &sessions {
            session.idle(Duration::from_millis(300));
        }
    }
    Ok(())
}

/// A subagent starts commands and vanishes without SubagentStop; another one lives and makes calls (S8).
pub(super) fn subagent(stage: &Stage) -> Result<()> {
    let session = stage.session("session-0", Notices::Sent)?;
    session.prompt();
    for agent in ["a823f771c24d473c5", "a8e3a849e6be8157c"] {
        session.start_agent(agent);
        session.call_all(&[Plan::sleep(300, 7).agent(agent), Plan::sleep(900, 0).agent(agent)]);
    }
    session.lose_agent("a823f771c24d473c5");
    thread::sleep(Duration::from_millis(1_500));
    session.call_all(&[Plan::sleep(10, 1).agent("a8e3a849e6be8157c")]);
    session.lose_agent("a8e3a849e6be8157c");
    // The list of what runs no longer holds them.
    for _ in 0..3 {
        session.end_turn();
        session.prompt();
    }
    Ok(())
}

//! Many calls at once: more than may run, with equal text, with twins in the foreground.

use std::fs;
use std::slice;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, anyhow};

use crate::actor::{Notices, Plan, Session};
use crate::ledger::Kind;
use crate::stage::Stage;

/// How much longer a foreground command may take than without the plugin.
const DELAY_MAX: Duration = Duration::from_secs(4);

/// `count` calls from `sessions` sessions at once, those of a session in one message (S3).
pub(super) fn crowd(stage: &Stage, sessions: usize, count: usize) -> Result<()> {
    let sessions: Vec<Arc<Session>> = (0..sessions)
        .map(|number| stage.session(&format!("session-{number}"), Notices::Sent))
        .collect::<Result<_>>()?;
    let plans = vec![Plan::sleep(60, 0); count / sessions.len()];
    thread::scope(|scope| {
        let turns: Vec<_> = sessions
            .iter()
            .map(|session| scope.spawn(|| session.turn(slice::from_ref(&plans))))
            .collect();
        turns
            .into_iter()
            .try_for_each(|turn| turn.join().map(drop).map_err(|_| anyhow!("a session panicked")))
    })
}

/// A text whose outcome depends on a file in its folder.
const EQUAL: &str = "read -r code < code; sleep 0.2; end $code";

/// Two folders with different outcomes, and a call of the same text in each.
pub(super) fn equal_plans(stage: &Stage) -> Result<[Plan; 2]> {
    let plan = |name: &str, code: &str| -> Result<Plan> {
        let folder = stage.home.project().join(name);
        fs::create_dir_all(&folder)
            .and_then(|()| fs::write(folder.join("code"), format!("{code}\n")))
            .with_context(|| format!("could not create `{}`", folder.display()))?;
        Ok(Plan::text(EQUAL).folder(&folder))
    };
    Ok([plan("worktree-a", "0")?, plan("worktree-b", "9")?])
}

/// Equal commands in two folders at once, from one session and from two (S4).
pub(super) fn equal(stage: &Stage) -> Result<()> {
    let plans = equal_plans(stage)?;
    let one = stage.session("session-0", Notices::Sent)?;
    let other = stage.session("session-1", Notices::Sent)?;
    for _ in 0..8 {
        thread::scope(|scope| {
            scope.spawn(|| one.turn(&[plans.to_vec()]));
            scope.spawn(|| other.turn(&[plans.to_vec()]));
        });
        one.idle(Duration::from_millis(200));
        other.idle(Duration::from_millis(200));
    }
    Ok(())
}

/// A background command and at the same time a foreground one with the same text; in half of the rounds all slots are
/// taken.
pub(super) fn twins(stage: &Stage) -> Result<()> {
    let session = stage.session("session-0", Notices::Sent)?;
    let text = "sleep 0.2; end 3";
    for round in 0..6 {
        if round % 2 == 1 {
            session.turn(&[vec![Plan::sleep(1_500, 0); stage.home.limit]]);
        }
        let start = Instant::now();
        thread::scope(|scope| {
            scope.spawn(|| session.call(&Plan::text(text)));
            scope.spawn(|| {
                session.call(&Plan::text(text).kind(Kind::Foreground));
                if start.elapsed() > DELAY_MAX {
                    let seconds = start.elapsed().as_secs_f64();
                    session.warn(format!("a foreground command took {seconds:.1} s"));
                }
            });
        });
        session.end_turn();
        session.idle(Duration::from_millis(700));
    }
    Ok(())
}

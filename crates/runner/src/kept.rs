//! Keeps a command beyond its session: the runner leaves Claude Code's process tree before it starts the command.
//!
//! ```text
//! Claude Code ── stand-in ┄┄ connection ┄┄ keeper ── the command
//! ```
//!
//! The stand-in has the place of the shell. It ends as the command ends, and passes on that Claude Code stops it. Claude
//! Code signals the commands of a session that ends in the same way as one that the user stops. So the keeper finds out
//! which of the two it is.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicI32, Ordering};
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

use anyhow::Result;
use serde::{Deserialize, Serialize};
use sisyphus_base::hook_log;
use sisyphus_base::id::{ClientTaskId, SessionId};
use sisyphus_base::paths::StateDir;
use sisyphus_base::process_ref::ProcessRef;
use sisyphus_process::{
    Connection, KILLED_WITH_RUNNER, Notice, SIGKILL, SIGTERM, Side, Signals, exit_as, is_gone,
    is_message, signal_self, split_apart, wake_self,
};
use sisyphus_state::reconcile::{Scope, World};
use sisyphus_state::run::Run;
use sisyphus_state::store::{LOCK_WAIT_IN_RUNNER, Store};
use sisyphus_tasks::outcome::Canceller;
use sisyphus_tasks::run::{Exit, Stop};

use crate::handoff::Handoff;
use crate::identity::Identity;

/// How long after a signal Claude Code may still be about to exit. Its hooks at the end have seconds.
const DOUBT: Duration = Duration::from_secs(10);
/// How often the keeper looks meanwhile.
const LOOK: Duration = Duration::from_millis(250);

/// The last word of the keeper.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum LastWord {
    Ended(Exit),
    /// The command was not started: the stand-in becomes it.
    GiveWay,
}

/// How the stand-in ends.
pub(crate) enum StandIn {
    Exit(ExitCode),
    GiveWay,
}

/// Which process this is after the split.
pub(crate) enum Role {
    StandIn(StandIn),
    Keeper(Keeper),
}

/// The side that runs the command.
pub(crate) struct Keeper {
    connection: Connection,
    /// The signal that Claude Code stopped the command with, once that is certain; else 0.
    stopped_with: Arc<AtomicI32>,
}

/// Splits the runner. Returns in both processes: in the stand-in when everything is over.
pub(crate) fn keep(
    state: &StateDir,
    handoff: &Handoff,
    identity: &Identity,
    client: Option<ProcessRef>,
) -> Result<Role> {
    match split_apart(&identity.output.1)? {
        // The keeper runs the command, so this process must not. Without its connection the keeper stops the command.
        Side::StandIn(connection) => {
            let ended = stand_in(connection).unwrap_or(StandIn::Exit(ExitCode::FAILURE));
            Ok(Role::StandIn(ended))
        }
        Side::Apart(connection) => {
            let stopped_with = Arc::new(AtomicI32::new(0));
            let watch = Watch {
                state: state.clone(),
                session: handoff.announcement.call.session.clone(),
                id: identity.client_id.clone(),
                client_tmp: identity.client_tmp.clone(),
                client,
            };
            let decided = Arc::clone(&stopped_with);
            if let Ok(heard) = connection.try_clone() {
                std::thread::spawn(move || watch.follow(heard, &decided));
            }
            Ok(Role::Keeper(Keeper { connection, stopped_with }))
        }
    }
}

/// Waits for the keeper's last word, or for a signal.
fn stand_in(connection: Connection) -> Result<StandIn> {
    let mut signals = Signals::collect()?;
    let (sender, receiver) = channel();
    let heard = connection.try_clone()?;
    std::thread::spawn(move || {
        let mut line = String::new();
        let _ = BufReader::new(heard).read_line(&mut line);
        let _ = sender.send(serde_json::from_str::<LastWord>(&line).ok());
        wake_self();
    });
    loop {
        match signals.wait(None)? {
            Notice::Signal { number, .. } => {
                let _ = (&connection).write_all(&[u8::try_from(number).unwrap_or(0)]);
                if is_message(number) {
                    continue;
                }
                return Ok(StandIn::Exit(ExitCode::from(exit_as(Exit::Signal(number)))));
            }
            Notice::Woken | Notice::Child | Notice::Deadline => {}
        }
        let exit = match receiver.try_recv() {
            Err(_) => continue,
            Ok(Some(LastWord::GiveWay)) => return Ok(StandIn::GiveWay),
            Ok(Some(LastWord::Ended(exit))) => exit,
            // The keeper was killed, and the kernel has killed the command with it.
            Ok(None) if KILLED_WITH_RUNNER => Exit::Signal(SIGKILL),
            Ok(None) => Exit::Unseen,
        };
        return Ok(StandIn::Exit(ExitCode::from(exit_as(exit))));
    }
}

impl Keeper {
    /// Whether Claude Code stopped the command, and not its session.
    pub(crate) fn is_stopped(&self) -> bool {
        self.stopped_with.load(Ordering::SeqCst) != 0
    }

    /// What stopped the command. The supervisor takes a stop by Claude Code for one that was asked for.
    pub(crate) fn stop(&self, stop: Stop, run: &Run) -> Stop {
        match (stop, self.stopped_with.load(Ordering::SeqCst)) {
            (Stop::Asked, signal @ 1..) if !run.stop().exists() => Stop::Signal(signal),
            (stop, _) => stop,
        }
    }

    /// Lets the stand-in end as the command ended.
    pub(crate) fn ended(self, exit: Exit) {
        self.say(LastWord::Ended(exit));
    }

    /// Lets the stand-in become the command, which was not started.
    pub(crate) fn give_way(self) {
        self.say(LastWord::GiveWay);
    }

    fn say(mut self, word: LastWord) {
        let line = serde_json::to_string(&word).unwrap_or_default();
        // The stand-in may be gone.
        let _ = writeln!(self.connection, "{line}");
    }
}

/// Finds out what a signal to the stand-in means.
struct Watch {
    state: StateDir,
    session: SessionId,
    id: ClientTaskId,
    client_tmp: PathBuf,
    client: Option<ProcessRef>,
}

/// What is known some time after the signal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Evidence {
    /// Claude Code calls the command a background command.
    in_background: Known,
    asked: Option<Canceller>,
    session: SessionNow,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Known {
    Yes,
    No,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum SessionNow {
    Over,
    Goes,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Decision {
    Keep,
    Stop,
    Wait,
}

impl Watch {
    /// Waits until the stand-in gets a signal to stop, or dies. If the command is to stop, records that and signals this
    /// process.
    fn follow(&self, mut connection: Connection, stopped_with: &AtomicI32) {
        let number = loop {
            let mut said = [0];
            match connection.read(&mut said) {
                // The supervisor hands it on to the command.
                Ok(1..) if is_message(said[0].into()) => signal_self(said[0].into()),
                Ok(1..) => break said[0].into(),
                // It dies without a word if it is killed.
                Ok(0) | Err(_) => break SIGTERM,
            }
        };
        let since = Instant::now();
        loop {
            match decide(self.look(), since.elapsed()) {
                Decision::Keep => return,
                Decision::Stop => {
                    stopped_with.store(number.max(1), Ordering::SeqCst);
                    signal_self(SIGTERM);
                    return;
                }
                Decision::Wait => pause(LOOK),
            }
        }
    }

    fn look(&self) -> Evidence {
        let store = Store::new(self.state.clone());
        let world = World { is_gone, client_tmp: &self.client_tmp, scope: Scope::Ended };
        // What a hook has posted may still be in the inbox.
        if let Err(error) = store.update(&world, LOCK_WAIT_IN_RUNNER, |_, _| ()) {
            hook_log::append(&self.state, "sisyphus-run", &format!("{error:#}"));
        }
        let active = store.read_active().ok();
        let task = active.as_ref().and_then(|active| {
            let is_it = |task: &&sisyphus_tasks::task::Task| {
                task.client_id() == Some(&self.id) && task.started_in() == &self.session
            };
            active.tasks.iter().find(is_it)
        });
        let is_over = task.is_some_and(|task| task.left_at.is_some())
            || self.client.as_ref().is_some_and(is_gone);
        let in_background = Run::outside(&self.state, &self.session, &self.id).joined().is_some();
        Evidence {
            in_background: if in_background { Known::Yes } else { Known::No },
            asked: task.and_then(|task| task.stop_request).map(|asked| asked.by),
            session: if is_over { SessionNow::Over } else { SessionNow::Goes },
        }
    }
}

fn decide(seen: Evidence, waited: Duration) -> Decision {
    match (seen.in_background, seen.asked, seen.session) {
        // A foreground command with the same text ends as without us.
        (Known::No, _, _) => Decision::Stop,
        (_, Some(Canceller::Model | Canceller::User), _) => Decision::Stop,
        (_, _, SessionNow::Over) => Decision::Keep,
        // The user stopped it in Claude Code, which fires no hook for that.
        (_, _, SessionNow::Goes) if waited >= DOUBT => Decision::Stop,
        (_, _, SessionNow::Goes) => Decision::Wait,
    }
}

#[expect(clippy::disallowed_methods, reason = "no event reports that Claude Code is about to exit")]
fn pause(time: Duration) {
    std::thread::sleep(time);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_end_of_the_session_keeps_a_command() {
        use Canceller::{Model, SessionEnd, Unknown, User};
        use Decision::{Keep, Stop, Wait};
        use SessionNow::{Goes, Over};
        let late = DOUBT;
        let soon = Duration::ZERO;
        let cases = [
            (Known::Yes, None, Goes, soon, Wait),
            (Known::Yes, None, Goes, late, Stop),
            (Known::Yes, None, Over, soon, Keep),
            (Known::Yes, None, Over, late, Keep),
            (Known::Yes, Some(Model), Goes, soon, Stop),
            (Known::Yes, Some(Model), Over, soon, Stop),
            (Known::Yes, Some(User), Over, soon, Stop),
            (Known::Yes, Some(SessionEnd), Over, soon, Keep),
            (Known::Yes, Some(SessionEnd), Goes, soon, Wait),
            (Known::Yes, Some(Unknown), Goes, late, Stop),
            (Known::No, None, Over, soon, Stop),
            (Known::No, None, Goes, soon, Stop),
        ];
        for (in_background, asked, session, waited, expected) in cases {
            let seen = Evidence { in_background, asked, session };
            assert_eq!(decide(seen, waited), expected, "{seen:?} {waited:?}");
        }
    }
}

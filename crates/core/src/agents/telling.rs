//! What a session is to be told of its agents: each once.

use chrono::{DateTime, Utc};

use super::reservation::{Told, Turn};
use crate::id::SessionId;
use crate::notice::{brake_line, passed_line, turn_line};
use crate::store::Active;

/// Most characters of what is told at once.
pub const NEWS_MAX: usize = 2_500;
/// How many turns one text tells; the others follow with the next event.
const AT_ONCE: usize = 2;

/// Whether there is anything to tell a session.
pub fn has_news(active: &Active, session: &SessionId) -> bool {
    let of_turn = |turn: Turn| matches!(turn, Turn::Passed | Turn::Reserved { told: Told::No, .. });
    let waiting = &active.agents.waiting;
    waiting.iter().any(|it| &it.session == session && of_turn(it.turn))
        || active
            .agents
            .brakes
            .iter()
            .any(|brake| brake.untold.as_ref().is_some_and(|hit| &hit.session == session))
}

/// Takes what there is to tell a session. A slot is kept from now on, because only now somebody knows of it.
pub fn take_news(active: &mut Active, session: &SessionId, now: DateTime<Utc>) -> Option<String> {
    let mut lines = Vec::new();
    for brake in &mut active.agents.brakes {
        if brake.untold.as_ref().is_some_and(|hit| &hit.session == session) {
            lines.extend(brake_line(brake));
            brake.untold = None;
        }
    }
    let mut turns = 0;
    active.agents.waiting.retain_mut(|waiting| {
        if &waiting.session != session || turns == AT_ONCE {
            return true;
        }
        match waiting.turn {
            Turn::Waiting | Turn::Unheard | Turn::Reserved { told: Told::Yes, .. } => true,
            Turn::Reserved { told: Told::No, .. } => {
                lines.push(turn_line(waiting));
                turns += 1;
                waiting.turn = Turn::Reserved { at: now, told: Told::Yes };
                true
            }
            Turn::Passed => {
                lines.push(passed_line(waiting));
                turns += 1;
                false
            }
        }
    });
    (!lines.is_empty()).then(|| lines.join("\n"))
}

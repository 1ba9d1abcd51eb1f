//! News about agents for a session. Each is reported once.

use chrono::{DateTime, Utc};
use sisyphus_base::id::SessionId;

use crate::active::Active;
use crate::agent_queue::{Notified, Throttle, Turn, Waiting};

/// How many free slots one report names. The others follow with the next event.
const AT_ONCE: usize = 2;

/// One thing to report to a session.
#[derive(Debug, Clone, PartialEq)]
pub enum News {
    /// An agent of the session hit a rate limit, and a limit is lowered.
    RateLimited(Throttle),
    /// A slot is reserved for this call.
    Turn(Waiting),
    /// The slot that was reserved for this call went to another one.
    Passed(Waiting),
}

/// Whether there is anything to report to a session.
pub fn has_news(active: &Active, session: &SessionId) -> bool {
    let of_turn =
        |turn: Turn| matches!(turn, Turn::Expired | Turn::Reserved { told: Notified::No, .. });
    let waiting = &active.agents.waiting;
    waiting.iter().any(|it| &it.session == session && of_turn(it.turn))
        || active.agents.throttles.iter().any(|throttle| throttle.is_news_for(session))
}

/// Takes what there is to report to a session. A reservation starts here, because the session learns of it here.
pub fn take_news(active: &mut Active, session: &SessionId, now: DateTime<Utc>) -> Vec<News> {
    let mut news = Vec::new();
    for throttle in &mut active.agents.throttles {
        if throttle.is_news_for(session) {
            news.push(News::RateLimited(throttle.clone()));
            throttle.unreported = None;
        }
    }
    let mut turns = 0;
    active.agents.waiting.retain_mut(|waiting| {
        if &waiting.session != session || turns == AT_ONCE {
            return true;
        }
        match waiting.turn {
            Turn::Waiting | Turn::Undeliverable | Turn::Reserved { told: Notified::Yes, .. } => {
                true
            }
            Turn::Reserved { told: Notified::No, .. } => {
                news.push(News::Turn(waiting.clone()));
                turns += 1;
                waiting.turn = Turn::Reserved { at: now, told: Notified::Yes };
                true
            }
            Turn::Expired => {
                news.push(News::Passed(waiting.clone()));
                turns += 1;
                false
            }
        }
    });
    news
}

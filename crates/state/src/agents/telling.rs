//! News about agents for a session. Each is reported once.

use sisyphus_base::id::SessionId;

use crate::active::Active;
use crate::agent_limits::{FormerCall, Throttle};

/// One thing to report to a session.
#[derive(Debug, Clone, PartialEq)]
pub enum News {
    /// An agent of the session hit a rate limit, and a limit is lowered.
    RateLimited(Throttle),
    /// An earlier version denied this call and promised to report a free slot.
    Denied(FormerCall),
}

/// Whether there is anything to report to a session.
pub fn has_news(active: &Active, session: &SessionId) -> bool {
    active.agents.former.iter().any(|it| &it.session == session)
        || active.agents.throttles.iter().any(|throttle| throttle.is_news_for(session))
}

/// Takes what there is to report to a session.
pub fn take_news(active: &mut Active, session: &SessionId) -> Vec<News> {
    let mut news = Vec::new();
    for throttle in &mut active.agents.throttles {
        if throttle.is_news_for(session) {
            news.push(News::RateLimited(throttle.clone()));
            throttle.unreported = None;
        }
    }
    let former = active.agents.former.extract_if(.., |it| &it.session == session);
    news.extend(former.map(News::Denied));
    news
}

/// Drops what there is to report to a session that is over.
pub fn forget_news(active: &mut Active, session: &SessionId) {
    active.agents.former.retain(|it| &it.session != session);
    for throttle in &mut active.agents.throttles {
        throttle.unreported.take_if(|hit| &hit.session == session);
    }
}

//! Agents that ended because the provider refused more requests, and how limits react.

use std::num::NonZeroUsize;

use chrono::{DateTime, Duration, Utc};
use serde::{Deserialize, Serialize};
use sisyphus_base::id::SessionId;

use super::limit::Pool;
use super::model::Model;

/// How long a limit stays halved.
const LASTS: Duration = Duration::minutes(5);
/// How long a hit is worth reporting.
const NEWS: Duration = Duration::hours(1);
/// How far into an error message its number is searched, in characters.
const HEAD: usize = 120;

/// Whether Claude Code reports with this text that an agent ended at a rate limit. The text must start as an API error:
/// an agent that *writes about* a rate limit did its work.
pub fn is_rate_limit(text: &str) -> bool {
    let text = text.trim_start();
    let text = text.strip_prefix("Agent terminated early due to an API error:").unwrap_or(text);
    let Some(error) = text.trim_start().strip_prefix("API Error") else {
        return text.trim_start().starts_with("Server is temporarily limiting requests");
    };
    let head: String = error.trim_start_matches([':', ' ']).chars().take(HEAD).collect();
    let begins = ["429", "529"].iter().any(|number| {
        let rest = head.strip_prefix(number);
        rest.is_some_and(|rest| !rest.starts_with(|next: char| next.is_ascii_alphanumeric()))
    });
    begins || ["(429)", "(529)", "limiting requests"].iter().any(|words| head.contains(words))
}

/// A limit that is halved temporarily.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Throttle {
    pub scope: Scope,
    pub at_most: NonZeroUsize,
    pub until: DateTime<Utc>,
    /// The session that hit it, until that is reported.
    #[serde(default, skip_serializing_if = "Option::is_none", rename = "untold")]
    pub unreported: Option<RateLimitHit>,
}

impl Throttle {
    /// Whether it has no effect any more.
    pub(crate) fn is_over(&self, now: DateTime<Utc>) -> bool {
        self.until <= now && (self.unreported.is_none() || now - self.until > NEWS)
    }

    /// Whether a session has to be notified of it.
    pub(crate) fn is_news_for(&self, session: &SessionId) -> bool {
        self.unreported.as_ref().is_some_and(|hit| &hit.session == session)
    }
}

/// The agent that hit the limit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RateLimitHit {
    pub session: SessionId,
    /// Its name for people and models.
    pub agent: String,
}

/// Whose requests are too many: a model's or a provider's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    Model(String),
    Provider(String),
}

impl Scope {
    /// What to slow down after an agent of this model and pool hit the limit; `None` if its model is unknown.
    pub fn of(pool: &Pool, model: Option<&str>) -> Option<Self> {
        match pool {
            Pool::Model(key) => Some(Self::Model(key.clone())),
            Pool::Provider(key) => Some(Self::Provider(key.clone())),
            Pool::Default => Some(Self::Model(Model::parse(model?)?.name().to_owned())),
        }
    }

    pub fn holds(&self, model: Option<&str>) -> bool {
        let Some(model) = model.and_then(Model::parse) else { return false };
        match self {
            Self::Model(key) => Model::parse(key).is_some_and(|key| model.fits(&key).is_some()),
            Self::Provider(key) => {
                model.provider().is_some_and(|it| it.eq_ignore_ascii_case(key.trim()))
            }
        }
    }

    /// The model's or the provider's name.
    pub fn name(&self) -> &str {
        match self {
            Self::Model(name) | Self::Provider(name) => name,
        }
    }
}

/// Halves the number `before` that a limit allowed. Agents that started earlier fail together, so another hit prolongs
/// a halved limit and does not lower it further. `hit` is what a session has to learn of it.
pub(crate) fn throttle(
    throttles: &mut Vec<Throttle>,
    scope: Scope,
    before: usize,
    hit: Option<RateLimitHit>,
    now: DateTime<Utc>,
) {
    let until = now + LASTS;
    if let Some(known) = throttles.iter_mut().find(|it| it.scope == scope && it.until > now) {
        known.until = until;
        known.unreported = hit.or(known.unreported.take());
        return;
    }
    let at_most = NonZeroUsize::new(before / 2).unwrap_or(NonZeroUsize::MIN);
    throttles.retain(|throttle| throttle.scope != scope);
    throttles.push(Throttle { scope, at_most, until, unreported: hit });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_clients_own_words_count() {
        let cases = [
            (
                "API Error: Request rejected (429) · This request would exceed your account's rate limit. Please try again later.",
                true,
            ),
            (
                "API Error: 529 Overloaded. This is a server-side issue, usually temporary — try again in a moment.",
                true,
            ),
            ("API Error: 429 {\"type\":\"error\"}", true),
            ("API Error (429 rate_limit_error)", false),
            ("API Error: Server is temporarily limiting requests (not your usage limit)", true),
            ("Server is temporarily limiting requests", true),
            (
                "Agent terminated early due to an API error: API Error: Request rejected (429) · This request … (error type rate_limit, HTTP 429)",
                true,
            ),
            ("  API Error: 529 {\"type\":\"overloaded_error\"}", true),
            ("API Error: 4290 apples", false),
            ("API Error: 500 Internal server error", false),
            ("API Error: Connection error.", false),
            ("The server answers with 429 when it is limiting requests.", false),
            ("I found: API Error: 429", false),
            ("429", false),
            ("", false),
        ];
        for (text, expected) in cases {
            assert_eq!(is_rate_limit(text), expected, "{text}");
        }
        // What an error quotes further on is not its own.
        let long = format!("API Error: 400 bad request {} (429)", "x".repeat(200));
        assert!(!is_rate_limit(&long));
    }

    #[test]
    fn a_limit_is_halved_once_and_for_five_minutes() {
        let at = |second: i64| DateTime::from_timestamp(1_800_000_000 + second, 0).unwrap();
        let hit =
            || Some(RateLimitHit { session: SessionId::new("s").unwrap(), agent: "t1".to_owned() });
        let opus = || Scope::Model("opus".to_owned());
        let mut throttles = Vec::new();
        throttle(&mut throttles, opus(), 5, hit(), at(0));
        assert_eq!((throttles[0].at_most.get(), throttles[0].until), (2, at(300)));
        throttle(&mut throttles, opus(), 5, None, at(10));
        assert_eq!(
            (throttles.len(), throttles[0].at_most.get(), throttles[0].until),
            (1, 2, at(310))
        );
        assert_eq!(throttles[0].unreported, hit(), "what was not reported yet is kept");
        throttle(&mut throttles, opus(), 1, hit(), at(400));
        assert_eq!(
            (throttles.len(), throttles[0].at_most.get(), throttles[0].until),
            (1, 1, at(700))
        );
        assert!(opus().holds(Some("claude-opus-4-5")) && !opus().holds(Some("sonnet")));
        let provider = Scope::Provider("Anthropic".to_owned());
        assert!(
            provider.holds(Some("sonnet"))
                && !provider.holds(Some("gpt-5"))
                && !provider.holds(None)
        );
    }
}

//! How many agents may run at once: the user's limit for a model, else for its provider, else the default limit.

use std::num::NonZeroUsize;

use serde::{Deserialize, Serialize};
use sisyphus_settings::{Settings, SlotLimit};

use super::model::Model;

/// The user's limits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    models: Vec<(String, SlotLimit)>,
    providers: Vec<(String, SlotLimit)>,
    default: SlotLimit,
    /// The limits of groups of commands.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    groups: Vec<(String, NonZeroUsize)>,
}

/// The agents that share a limit. An agent belongs to one pool, the one that its limit came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Pool {
    /// With the user's key.
    Model(String),
    Provider(String),
    /// Everything without a limit of its own. Commands belong here too.
    Default,
}

impl Limits {
    pub fn of(settings: &Settings) -> Self {
        Self {
            models: settings.model_concurrency.clone(),
            providers: settings.provider_concurrency.clone(),
            default: settings.max_background_tasks,
            groups: settings.groups.iter().map(|it| (it.name.clone(), it.limit)).collect(),
        }
    }

    /// Whether the limit depends on an agent's model.
    pub fn tell_models_apart(&self) -> bool {
        !self.models.is_empty() || !self.providers.is_empty()
    }

    /// The limit that an agent of this model counts toward. An unknown model counts toward the default.
    pub fn pool_of(&self, model: Option<&str>) -> (Pool, SlotLimit) {
        let model = model.and_then(Model::parse);
        let of_model = model.as_ref().and_then(|model| self.of_model(model));
        let of_provider = || model.as_ref().and_then(|model| self.of_provider(model));
        of_model.or_else(of_provider).unwrap_or((Pool::Default, self.default))
    }

    /// The limit of a group of commands; `None` if the user has removed it.
    pub fn of_group(&self, name: &str) -> Option<NonZeroUsize> {
        self.groups.iter().find(|(group, _)| group == name).map(|(_, limit)| *limit)
    }

    /// The current default limit.
    pub fn default_limit(&self) -> SlotLimit {
        self.default
    }

    /// Every limit that is not the default one.
    pub fn named(&self) -> impl Iterator<Item = (Pool, SlotLimit)> {
        let models = self.models.iter().map(|(key, limit)| (Pool::Model(key.clone()), *limit));
        let providers = self.providers.iter();
        models.chain(providers.map(|(key, limit)| (Pool::Provider(key.clone()), *limit)))
    }

    fn of_model(&self, model: &Model) -> Option<(Pool, SlotLimit)> {
        let fitting = self.models.iter().filter_map(|(key, limit)| {
            let fit = model.fits(&Model::parse(key)?)?;
            Some((fit, smallness(*limit), key, *limit))
        });
        let (.., key, limit) = fitting.min_by_key(|(fit, size, ..)| (*fit, *size))?;
        Some((Pool::Model(key.clone()), limit))
    }

    fn of_provider(&self, model: &Model) -> Option<(Pool, SlotLimit)> {
        let provider = model.provider()?;
        let is_it = |key: &str| key.trim().eq_ignore_ascii_case(provider);
        let (key, limit) = self.providers.iter().find(|(key, _)| is_it(key))?;
        Some((Pool::Provider(key.clone()), *limit))
    }

    /// The user's keys that can never match, each with the reason.
    pub fn never_matching(&self) -> Vec<(String, &'static str)> {
        let models = self.models.iter().filter_map(|(key, _)| Some((key, why_no_model(key)?)));
        let providers = self.providers.iter().filter_map(|(key, _)| {
            let odd = !key.trim().bytes().all(is_plain);
            odd.then_some((key, "a provider is one name, like `anthropic`"))
        });
        models.chain(providers).map(|(key, why)| (key.clone(), why)).collect()
    }
}

fn why_no_model(key: &str) -> Option<&'static str> {
    let Some(model) = Model::parse(key) else {
        return Some("it names no model");
    };
    if key.trim().bytes().any(|byte| byte.is_ascii_whitespace() || byte.is_ascii_control()) {
        return Some("a model's name has no blanks");
    }
    if model.name() == "claude" {
        return Some("it is part of every name: write `opus` or a whole name");
    }
    let known = model.provider().filter(|it| ["anthropic", "openai", "google"].contains(it))?;
    let bare = Model::parse(model.name())?;
    (known != bare.provider()?).then_some("that provider has no such model")
}

fn is_plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-_.".contains(&byte)
}

/// Orders smaller limits first: of two that fit equally well the stricter one is effective.
fn smallness(limit: SlotLimit) -> usize {
    match limit {
        SlotLimit::AtMost(slots) => slots.get(),
        SlotLimit::Unlimited => usize::MAX,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at_most(slots: usize) -> SlotLimit {
        NonZeroUsize::new(slots).map_or(SlotLimit::Unlimited, SlotLimit::AtMost)
    }

    fn limits(models: &[(&str, usize)], providers: &[(&str, usize)]) -> Limits {
        let list = |entries: &[(&str, usize)]| {
            entries.iter().map(|(key, slots)| ((*key).to_owned(), at_most(*slots))).collect()
        };
        Limits {
            models: list(models),
            providers: list(providers),
            default: at_most(5),
            groups: Vec::new(),
        }
    }

    #[test]
    fn model_goes_before_provider_before_default() {
        let model = |key: &str| Pool::Model(key.to_owned());
        let provider = |key: &str| Pool::Provider(key.to_owned());
        let both = limits(&[("claude-opus-4-5", 2), ("haiku", 0)], &[("anthropic", 3)]);
        let aliases = limits(&[("opus", 1), ("anthropic/claude-opus-4-5", 4)], &[]);
        let several = limits(&[("claude-opus-4-5", 3), ("claude-opus-4-1", 2)], &[]);
        let cases = [
            (&both, Some("claude-opus-4-5"), model("claude-opus-4-5"), 2),
            (&both, Some("claude-opus-4-5-20250929"), model("claude-opus-4-5"), 2),
            (&both, Some("opus"), model("claude-opus-4-5"), 2),
            (&both, Some("claude-opus-5-5"), provider("anthropic"), 3),
            (&both, Some("sonnet"), provider("anthropic"), 3),
            // 0 is unlimited, and goes before the provider's limit.
            (&both, Some("claude-haiku-5-5"), model("haiku"), 0),
            (&both, Some("gpt-5.2"), Pool::Default, 5),
            (&both, None, Pool::Default, 5),
            (&both, Some("inherit"), Pool::Default, 5),
            // The more exact key counts.
            (&aliases, Some("claude-opus-4-5"), model("anthropic/claude-opus-4-5"), 4),
            (&aliases, Some("claude-opus-5-5"), model("opus"), 1),
            (&aliases, Some("opus"), model("opus"), 1),
            (&aliases, Some("sonnet"), Pool::Default, 5),
            // Which one `opus` will be is not known: the stricter limit counts.
            (&several, Some("opus"), model("claude-opus-4-1"), 2),
            (&several, Some("claude-opus-4-5"), model("claude-opus-4-5"), 3),
        ];
        for (limits, name, pool, slots) in cases {
            assert_eq!(limits.pool_of(name), (pool, at_most(slots)), "{name:?} in {limits:?}");
        }
    }

    #[test]
    fn keys_that_can_never_mean_anything_are_found() {
        let odd = limits(
            &[
                ("opus", 1),
                ("anthropic/opus", 1),
                ("claude-opus-4-5", 1),
                ("my-gateway/own-model", 1),
                ("bedrock/claude-opus-4-5", 1),
                ("", 1),
                ("inherit", 1),
                ("anthropic/", 1),
                ("claude", 1),
                ("claude opus 4.5", 1),
                ("openai/claude-opus-4-5", 1),
            ],
            &[("anthropic", 1), ("anthropic/opus", 1), ("", 0), ("my provider", 1)],
        );
        let found = odd.never_matching();
        let keys: Vec<&str> = found.iter().map(|(key, _)| key.as_str()).collect();
        assert_eq!(
            keys,
            [
                "",
                "inherit",
                "anthropic/",
                "claude",
                "claude opus 4.5",
                "openai/claude-opus-4-5",
                "anthropic/opus",
                "my provider"
            ]
        );
    }
}

//! The names of models: Claude Code's, and the user's in the settings.
//!
//! Claude Code says `opus`, `claude-opus-4-5`, `claude-opus-4-5-20250929`, `opus[1m]`, or the name in a cloud
//! (`us.anthropic.claude-opus-4-5-20250929-v1:0`, `claude-opus-4-5@20250929`). A user may write each with or without
//! its provider (`anthropic/…`).

/// Longest name that is parsed, in bytes.
const MAX_LEN: usize = 200;

/// A model, or a user's key for one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Model {
    provider: Option<String>,
    name: String,
}

/// How well a key fits a model, the best fit first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fit {
    Exact,
    /// The same except for a date at the end.
    Dated,
    /// The key is the name of a family, `opus`.
    Family,
    /// Only the family is known, not which of its models Claude Code will choose.
    Guess,
}

impl Model {
    /// Parses a name; `None` for one that names no model.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim().to_ascii_lowercase();
        if text.is_empty() || text.len() > MAX_LEN || matches!(text.as_str(), "inherit" | "default")
        {
            return None;
        }
        let (provider, name) = match text.rsplit_once('/') {
            Some((provider, name)) => {
                (Some(provider.rsplit('/').next().unwrap_or_default().to_owned()), name)
            }
            None => (None, text.as_str()),
        };
        let (provider, name) = match name.split_once("anthropic.") {
            Some((_, name)) => (Some("anthropic".to_owned()), name),
            None => (provider, name),
        };
        let name = name.split(['[', ':']).next().unwrap_or_default().replace('@', "-");
        let name = without_revision(&name).to_owned();
        (!name.is_empty()).then_some(Self { provider, name })
    }

    /// The provider, as named or from the family; `None` if neither is known.
    pub fn provider(&self) -> Option<&str> {
        self.provider.as_deref().or_else(|| family_provider(&self.name))
    }

    /// The name without its provider.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// How a user's key fits this model; `None` if the key means another one.
    pub fn fits(&self, key: &Self) -> Option<Fit> {
        if key.provider.is_some() && key.provider.as_deref() != self.provider() {
            return None;
        }
        if key.name == self.name {
            return Some(Fit::Exact);
        }
        let (mine, theirs) = (&self.name, &key.name);
        if is_dated(mine, theirs) || is_dated(theirs, mine) {
            return Some(Fit::Dated);
        }
        if is_family(theirs) && has_part(mine, theirs) {
            return Some(Fit::Family);
        }
        (is_family(mine) && has_part(theirs, mine)).then_some(Fit::Guess)
    }
}

/// The provider of a family of models, from how its names begin.
fn family_provider(name: &str) -> Option<&'static str> {
    let begins = |starts: &[&str]| starts.iter().any(|start| name.starts_with(start));
    match name {
        _ if has_part(name, "claude") => Some("anthropic"),
        _ if begins(&["gpt-", "codex-", "o1", "o3", "o4"]) => Some("openai"),
        _ if begins(&["gemini-"]) => Some("google"),
        // One word is an alias of Claude Code's own.
        _ if is_family(name) => Some("anthropic"),
        _ => None,
    }
}

/// `claude-x-v1` is `claude-x`.
fn without_revision(name: &str) -> &str {
    match name.rsplit_once("-v") {
        Some((before, number)) if is_number(number) => before,
        Some(_) | None => name,
    }
}

/// Whether `longer` is `shorter` followed by a date.
fn is_dated(longer: &str, shorter: &str) -> bool {
    let rest = longer.strip_prefix(shorter).and_then(|rest| rest.strip_prefix('-'));
    rest.is_some_and(|rest| rest == "latest" || (rest.len() == 8 && is_number(rest)))
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn is_family(name: &str) -> bool {
    name != "claude" && !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphabetic())
}

fn has_part(name: &str, part: &str) -> bool {
    name.split('-').any(|it| it == part)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn which_key_means_which_model() {
        use Fit::{Dated, Exact, Family, Guess};
        let cases = [
            ("opus", "opus", Some(Exact)),
            ("opus", "claude-opus-4-5", Some(Family)),
            ("opus", "claude-opus-4-5-20250929", Some(Family)),
            ("opus", "claude-sonnet-5-5", None),
            ("Opus ", "claude-opus-4-5", Some(Family)),
            ("claude-opus-4-5", "claude-opus-4-5", Some(Exact)),
            ("claude-opus-4-5", "claude-opus-4-5-20250929", Some(Dated)),
            ("claude-opus-4-5-20250929", "claude-opus-4-5", Some(Dated)),
            ("claude-opus-4-5", "claude-opus-4-5[1m]", Some(Exact)),
            ("claude-opus-4", "claude-opus-4-5", None),
            ("claude-opus-4-1", "claude-opus-4-5", None),
            ("claude-opus-4-5", "opus", Some(Guess)),
            ("claude-opus-4-5", "opus[1m]", Some(Guess)),
            ("claude-opus-4-5", "sonnet", None),
            ("claude", "claude-opus-4-5", None),
            ("anthropic/claude-opus-4-5", "claude-opus-4-5", Some(Exact)),
            ("anthropic/claude-opus-4-5", "anthropic/claude-opus-4-5", Some(Exact)),
            ("claude-opus-4-5", "anthropic/claude-opus-4-5", Some(Exact)),
            ("anthropic/opus", "claude-opus-4-5", Some(Family)),
            ("anthropic/opus", "opus", Some(Exact)),
            ("openai/claude-opus-4-5", "claude-opus-4-5", None),
            ("openai/gpt-5.2", "gpt-5.2", Some(Exact)),
            ("claude-opus-4-5", "us.anthropic.claude-opus-4-5-20250929-v1:0", Some(Dated)),
            ("anthropic/opus", "us.anthropic.claude-opus-4-5-20250929-v1:0", Some(Family)),
            ("claude-opus-4-5", "claude-opus-4-5@20250929", Some(Dated)),
        ];
        for (key, model, expected) in cases {
            let fit = Model::parse(model).unwrap().fits(&Model::parse(key).unwrap());
            assert_eq!(fit, expected, "{key} for {model}");
        }
    }

    #[test]
    fn providers_are_said_or_told_by_the_family() {
        let cases = [
            ("claude-opus-4-5", Some("anthropic")),
            ("opus", Some("anthropic")),
            ("gpt-5.2", Some("openai")),
            ("gemini-3-pro", Some("google")),
            ("bedrock/claude-opus-4-5", Some("bedrock")),
            ("gateway/openai/gpt-5.2", Some("openai")),
            ("eu.anthropic.claude-haiku-5-5-v1:0", Some("anthropic")),
            ("my-own-7b", None),
        ];
        for (name, expected) in cases {
            assert_eq!(Model::parse(name).unwrap().provider(), expected, "{name}");
        }
        for none in ["", "  ", "inherit", "Default", "anthropic/", "[1m]", &"x".repeat(201)] {
            assert_eq!(Model::parse(none), None, "{none}");
        }
    }
}

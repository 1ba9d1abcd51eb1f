//! Groups of commands with a limit of their own.

use std::num::NonZeroUsize;

use serde_json::{Value, json};

/// Longest name of a group, in characters. It is a part of a folder's name.
pub(super) const NAME_MAX: usize = 32;

/// Background commands that share a limit, over all sessions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    pub name: String,
    /// Command lines, in which `*` is any characters.
    pub patterns: Vec<String>,
    pub limit: NonZeroUsize,
    pub foreground: Foreground,
}

/// What happens to a foreground command that fits, while all slots of the group are held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Foreground {
    Runs,
    /// The model is asked once to run it in the background.
    Asks,
}

/// Whether it can name a group.
pub fn is_group_name(name: &str) -> bool {
    let is_plain = |byte: u8| {
        byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-' || byte == b'_'
    };
    (1..=NAME_MAX).contains(&name.len()) && name.bytes().all(is_plain)
}

/// The usable part of a group; `None` if there is none.
pub(super) fn usable(name: &str, group: &Value, most: usize, longest: usize) -> Option<Value> {
    let patterns = group.get("patterns")?.as_array()?.iter().filter_map(Value::as_str);
    let usable =
        patterns.map(str::trim).filter(|text| (1..=longest).contains(&text.chars().count()));
    let patterns: Vec<&str> = usable.take(most).collect();
    let limit = match group.get("limit") {
        None | Some(Value::Null) => 1,
        Some(limit) => limit.as_u64().filter(|limit| *limit > 0)?,
    };
    let foreground = match group.get("foreground") {
        None | Some(Value::Null) => "run",
        Some(Value::String(word)) if word == "ask" || word == "run" => word,
        Some(_) => return None,
    };
    (is_group_name(name) && !patterns.is_empty())
        .then(|| json!({ "patterns": patterns, "limit": limit, "foreground": foreground }))
}

/// The groups of a usable value.
pub(super) fn groups(value: &Value) -> Vec<Group> {
    let group = |(name, group): (&String, &Value)| {
        let patterns = group.get("patterns")?.as_array()?.iter().filter_map(Value::as_str);
        let limit = usize::try_from(group.get("limit")?.as_u64()?).ok()?;
        let foreground = match group.get("foreground").and_then(Value::as_str) {
            Some("ask") => Foreground::Asks,
            Some(_) | None => Foreground::Runs,
        };
        Some(Group {
            name: name.clone(),
            patterns: patterns.map(str::to_owned).collect(),
            limit: NonZeroUsize::new(limit)?,
            foreground,
        })
    };
    value.as_object().into_iter().flatten().filter_map(group).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_needs_a_plain_name_and_a_pattern() {
        let make = json!({ "patterns": [" make ", "", 7], "limit": 2 });
        assert_eq!(
            usable("build", &make, 9, 9),
            Some(json!({ "patterns": ["make"], "limit": 2, "foreground": "run" }))
        );
        for name in ["", "Build", "a b", "../x", "ä", &"x".repeat(33)] {
            assert_eq!(usable(name, &make, 9, 9), None, "{name}");
        }
        let default = json!({ "patterns": ["make"] });
        let expected = json!({ "patterns": ["make"], "limit": 1, "foreground": "run" });
        assert_eq!(usable("b", &default, 9, 9), Some(expected));
        for group in [
            json!({}),
            json!({ "patterns": [] }),
            json!({ "patterns": "make" }),
            json!({ "patterns": ["make"], "limit": 0 }),
            json!({ "patterns": ["make"], "limit": "2" }),
            json!({ "patterns": ["a longer one"] }),
            json!({ "patterns": ["make"], "foreground": "wait" }),
        ] {
            assert_eq!(usable("b", &group, 9, 9), None, "{group}");
        }
    }
}

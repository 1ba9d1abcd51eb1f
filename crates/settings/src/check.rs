//! Finds mistakes in our keys of a settings file. Hooks ignore them; `sisyphus config` reports them.

use serde_json::Value;

use super::ignored::ignored_parts;
use super::keys::{KEYS, Key, Place, SECTION, options_in};

/// The longest part of a wrong key that is compared, in characters.
const LOOKED_AT: usize = 64;
/// How many changes a wrong key may need to be taken for another key.
const NEAR: usize = 4;
/// How many wrong keys of a file are reported.
const TOLD: usize = 50;

/// One mistake in a settings file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Flaw {
    /// There is no such key. `name` is foreign text.
    NoSuchKey { name: String, nearest: Option<&'static str> },
    /// The value has the wrong type, and counts as not set.
    WrongType { key: &'static Key },
    /// The number exceeds this limit, which is effective instead.
    OutOfRange { key: &'static Key, limit: u64 },
    /// Some entries of a list or an object are unusable. `parts` says what is ignored; names in it are foreign text.
    NotAllOfIt { key: &'static Key, parts: Vec<String> },
    /// The key is set both in the section and outside it, or under its other name. The value in the section is
    /// effective.
    Twice { key: &'static Key },
    /// The section is not an object, so all of it is ignored.
    NoSection,
    /// The file does not contain an object.
    NoObject,
}

impl Flaw {
    /// Whether it decides what the value of this key is.
    pub fn concerns(&self, asked: &Key) -> bool {
        match self {
            Self::NoSuchKey { .. } => false,
            Self::WrongType { key }
            | Self::OutOfRange { key, .. }
            | Self::NotAllOfIt { key, .. }
            | Self::Twice { key } => key.name == asked.name,
            Self::NoSection | Self::NoObject => true,
        }
    }
}

/// Finds the mistakes in a whole settings file.
pub fn check(file: &Value) -> Vec<Flaw> {
    let Some(entries) = file.as_object() else { return vec![Flaw::NoObject] };
    let mut flaws = Vec::new();
    let section = entries.get(SECTION).filter(|section| !section.is_null());
    if section.is_some_and(|section| !section.is_object()) {
        flaws.push(Flaw::NoSection);
    }
    let in_section = section.and_then(Value::as_object).into_iter().flatten();
    let prefix = format!("{SECTION}.");
    let dotted =
        entries.iter().filter_map(|(name, value)| Some((name.strip_prefix(&prefix)?, value)));
    let bare = KEYS.iter().filter(|key| key.place == Place::AlsoTop);
    let bare = bare.filter_map(|key| Some((key.name, entries.get(key.name)?)));
    let options = options_in(file).into_iter().flatten();
    let named = in_section.chain(options).map(|(name, value)| (name.as_str(), value));
    let all = named.chain(dotted).chain(bare);
    flaws.extend(all.filter_map(|(name, value)| flaw(name, value)).take(TOLD));
    let is_twice = |key: &&Key| key.set_in(file).count() > 1;
    flaws.extend(KEYS.iter().filter(is_twice).map(|key| Flaw::Twice { key }));
    flaws
}

fn flaw(name: &str, value: &Value) -> Option<Flaw> {
    let Some(key) = Key::named(name) else {
        return Some(Flaw::NoSuchKey { name: name.to_owned(), nearest: nearest(name) });
    };
    if value.is_null() {
        return None;
    }
    if key.usable(value).is_none() {
        return Some(Flaw::WrongType { key });
    }
    if let Some(limit) = key.exceeded(value) {
        return Some(Flaw::OutOfRange { key, limit });
    }
    let parts = ignored_parts(key, value);
    (!parts.is_empty()).then_some(Flaw::NotAllOfIt { key, parts })
}

/// The key that a wrong one is most similar to, if one is similar enough.
fn nearest(name: &str) -> Option<&'static str> {
    let name: String = name.chars().take(LOOKED_AT).collect::<String>().to_lowercase();
    let name = name.trim_start_matches("sisyphus.").replace('-', "_");
    // A part of a key is enough: `ttl`, `guard`.
    let part = KEYS.iter().filter(|key| name.len() >= 3 && key.name.contains(&name));
    if let [only] = part.collect::<Vec<_>>().as_slice() {
        return Some(only.name);
    }
    let distances = KEYS.iter().map(|key| (distance(&name, key.name), key.name));
    // A few changes would leave nothing of a short name.
    let is_near = |(changes, _): &(usize, &str)| *changes <= NEAR.min(name.chars().count() / 2);
    distances.min_by_key(|(changes, _)| *changes).filter(is_near).map(|(_, key)| key)
}

/// How many characters must be added, removed or replaced to turn one text into the other.
fn distance(one: &str, other: &str) -> usize {
    let other: Vec<char> = other.chars().collect();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (line, from) in one.chars().enumerate() {
        let mut corner = row[0];
        row[0] = line + 1;
        for (column, to) in other.iter().enumerate() {
            let exchanged = corner + usize::from(from != *to);
            corner = row[column + 1];
            row[column + 1] = exchanged.min(corner + 1).min(row[column] + 1);
        }
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::{Map, json};

    use super::*;

    /// One word a flaw.
    fn found(file: &Value) -> Vec<String> {
        let word = |flaw: &Flaw| match flaw {
            Flaw::NoSuchKey { name, nearest } => format!("{name}?{}", nearest.unwrap_or("-")),
            Flaw::WrongType { key } => format!("{}:type", key.name),
            Flaw::OutOfRange { key, limit } => format!("{}:{limit}", key.name),
            Flaw::NotAllOfIt { key, .. } => format!("{}:limit", key.name),
            Flaw::Twice { key } => format!("{}:twice", key.name),
            Flaw::NoSection => "section".to_owned(),
            Flaw::NoObject => "object".to_owned(),
        };
        check(file).iter().map(word).collect()
    }

    #[test]
    fn what_is_wrong_is_found_and_nothing_else() {
        let cases: &[(Value, &[&str])] = &[
            (json!({}), &[]),
            (json!({"model": 1, "sisyphus": null}), &[]),
            (
                json!({"pluginConfigs": {"sisyphus@skills-dir": {"options": {"output_lines": "x"}}}}),
                &["output_lines:type"],
            ),
            (json!({"sisyphus": {"output_lines": 5, "sleep_guard": null}}), &[]),
            (json!([]), &["object"]),
            (json!({"sisyphus": 3}), &["section"]),
            (json!({"sisyphus": {"output_line": 5}}), &["output_line?output_lines"]),
            (json!({"sisyphus.outputLines": 5}), &["outputLines?output_lines"]),
            (
                json!({"sisyphus": {"max-background-tasks": 5}}),
                &["max-background-tasks?max_background_tasks"],
            ),
            (json!({"sisyphus": {"ttl": 5}}), &["ttl?task_ttl_minutes"]),
            (json!({"sisyphus": {"weather": 5}}), &["weather?-"]),
            (json!({"sisyphus": {"": 5}}), &["?-"]),
            (json!({"sisyphus": {"x": {"y": []}}}), &["x?-"]),
            (
                json!({"sisyphus": {"sisyphus.output_lines": 5}}),
                &["sisyphus.output_lines?output_lines"],
            ),
            (json!({"sisyphus": {"output_lines": "5"}}), &["output_lines:type"]),
            (json!({"sisyphus": {"output_lines": 5.0}}), &["output_lines:type"]),
            (json!({"sisyphus": {"output_lines": 500}}), &["output_lines:200"]),
            (json!({"sisyphus": {"service_patterns": ["a", 1]}}), &["service_patterns:limit"]),
            (
                json!({"sisyphus": {"output_lines": 5}, "sisyphus.output_lines": 6}),
                &["output_lines:twice"],
            ),
            (json!({"background_notifications": false}), &[]),
            (json!({"background_notifications": "no"}), &["background_notifications:type"]),
            (
                json!({"background_notifications": false, "sisyphus.background_notifications": true}),
                &["background_notifications:twice"],
            ),
            (
                json!({"sisyphus": {"model_concurrency": {}}, "background_task": {"modelConcurrency": {}}}),
                &["model_concurrency:twice"],
            ),
            (json!({"background_task": {"modelConcurrency": {}, "staleTimeoutMs": 1}}), &[]),
            (json!({"output_lines": "not ours"}), &[]),
            (json!({"sisyphus": {"on_complete": ["tell", 1]}}), &["on_complete:type"]),
            (json!({"sisyphus": {"on_complete": ["~/bin/tell"]}}), &["on_complete:type"]),
        ];
        for (file, expected) in cases {
            assert_eq!(found(file), *expected, "{file}");
        }
    }

    #[test]
    fn a_hostile_file_costs_little() {
        let long = "x".repeat(100_000);
        let many: Map<String, Value> =
            (0..10_000).map(|number| (format!("{number}-{}", &long[..80]), json!(1))).collect();
        assert_eq!(check(&json!({ "sisyphus": many })).len(), TOLD);
        assert_eq!(check(&json!({ "sisyphus": { (long): 1 } })).len(), 1);
    }

    #[test]
    fn distances_are_those_of_levenshtein() {
        for (one, other, expected) in
            [("", "", 0), ("", "ab", 2), ("kitten", "sitting", 3), ("ä", "a", 1), ("ab", "ba", 2)]
        {
            assert_eq!(distance(one, other), expected, "{one} {other}");
        }
    }
}

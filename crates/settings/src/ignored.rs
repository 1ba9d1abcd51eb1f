//! Which parts of a value are ignored, in words: for people that look for their mistake.

use serde_json::{Map, Value};

use super::group::{NAME_MAX, is_group_name};
use super::keys::{Key, Kind};

/// How many parts are named.
const NAMED: usize = 5;
/// The fields of a group.
const FIELDS: [&str; 3] = ["patterns", "limit", "foreground"];

/// The parts of a value of the right type that are ignored. Names in them are foreign text.
pub(super) fn ignored_parts(key: &Key, value: &Value) -> Vec<String> {
    let mut parts = match key.kind {
        Kind::Switch | Kind::Consent | Kind::Number { .. } | Kind::Program { .. } => Vec::new(),
        Kind::Patterns { most, longest } => texts("", value, most, longest),
        Kind::Limits { most, longest } => {
            let wrong = |(name, limit): (&String, &Value)| {
                let is_long = name.chars().count() > longest;
                let long = || "a name is too long".to_owned();
                let number = || format!("`{name}` must have a whole number");
                is_long.then(long).or_else(|| (!limit.is_u64()).then(number))
            };
            let entries = value.as_object();
            let mut parts: Vec<String> =
                entries.into_iter().flatten().filter_map(wrong).take(NAMED).collect();
            parts.extend(too_many(entries, most));
            parts
        }
        Kind::Groups { most, patterns, longest } => {
            let entries = value.as_object();
            let wrong = |(name, it): (&String, &Value)| group(name, it, patterns, longest);
            let mut parts: Vec<String> =
                entries.into_iter().flatten().flat_map(wrong).take(NAMED).collect();
            parts.extend(too_many(entries, most));
            parts
        }
    };
    parts.truncate(NAMED);
    parts
}

fn too_many(entries: Option<&Map<String, Value>>, most: usize) -> Option<String> {
    let is_much = entries.is_some_and(|entries| entries.len() > most);
    is_much.then(|| format!("there are more than {most}"))
}

/// The wrong entries of a list of texts, which has this name.
fn texts(name: &str, list: &Value, most: usize, longest: usize) -> Vec<String> {
    let entries = list.as_array().map(Vec::as_slice).unwrap_or_default();
    let is_text = |it: &Value| {
        let length = it.as_str().map(|text| text.trim().chars().count());
        length.is_some_and(|length| (1..=longest).contains(&length))
    };
    let wrong = entries.iter().enumerate().filter(|(_, it)| !is_text(it)).take(NAMED);
    let mut parts: Vec<String> = wrong
        .map(|(at, _)| format!("`{name}[{at}]` must be a text of 1 to {longest} characters"))
        .collect();
    if entries.len() > most {
        parts.push(format!("`{name}` has more than {most} entries"));
    }
    parts
}

/// What is wrong with one group.
fn group(name: &str, group: &Value, most: usize, longest: usize) -> Vec<String> {
    if !is_group_name(name) {
        return vec![format!(
            "`{name}` must be named with at most {NAME_MAX} small letters, digits, `-` and `_`"
        )];
    }
    let Some(fields) = group.as_object() else {
        return vec![format!("`{name}` must be an object with `patterns`")];
    };
    let mut parts: Vec<String> = fields
        .keys()
        .filter(|field| !FIELDS.contains(&field.as_str()))
        .map(|field| format!("`{name}.{field}` is no field of a group"))
        .collect();
    let patterns = fields.get("patterns");
    match patterns.and_then(Value::as_array) {
        Some(list) if !list.is_empty() => {
            let list = patterns.unwrap_or(&Value::Null);
            parts.extend(texts(&format!("{name}.patterns"), list, most, longest));
        }
        Some(_) | None => {
            parts.push(format!("`{name}.patterns` must be a list with at least one text"));
        }
    }
    let given = |field: &str| fields.get(field).filter(|it| !it.is_null());
    if given("limit").is_some_and(|limit| limit.as_u64().is_none_or(|limit| limit == 0)) {
        parts.push(format!("`{name}.limit` must be a whole number of at least 1"));
    }
    let foreground = given("foreground").map(Value::as_str);
    if foreground.is_some_and(|word| !matches!(word, Some("run" | "ask"))) {
        parts.push(format!("`{name}.foreground` must be `run` or `ask`"));
    }
    parts
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn ignored(name: &str, value: &Value) -> String {
        ignored_parts(Key::named(name).unwrap(), value).join("; ")
    }

    #[test]
    fn each_wrong_part_is_named() {
        let cases = [
            ("service_patterns", json!(["a", 1]), "`[1]` must be a text of 1 to 200 characters"),
            ("model_concurrency", json!({"opus": "2", "x": 1}), "`opus` must have a whole number"),
            ("groups", json!({"b": {"patterns": ["make *"], "limit": 2, "foreground": "ask"}}), ""),
            ("groups", json!({"b": {"patterns": ["make *"], "limit": null}}), ""),
            ("groups", json!({"b": ["make"]}), "`b` must be an object with `patterns`"),
            (
                "groups",
                json!({"b": {"pattern": ["make"]}}),
                "`b.pattern` is no field of a group; `b.patterns` must be a list with at least one text",
            ),
            (
                "groups",
                json!({"B": {}}),
                "`B` must be named with at most 32 small letters, digits, `-` and `_`",
            ),
            (
                "groups",
                json!({"b": {"patterns": ["make", ""], "limit": 0, "foreground": "wait"}}),
                "`b.patterns[1]` must be a text of 1 to 200 characters; \
                 `b.limit` must be a whole number of at least 1; `b.foreground` must be `run` or `ask`",
            ),
        ];
        for (name, value, expected) in cases {
            assert_eq!(ignored(name, &value), expected, "{value}");
        }
    }

    /// However many parts are wrong, few are named.
    #[test]
    fn a_hostile_value_has_few_parts() {
        let many = |value: Value| -> Value {
            (0..10_000)
                .map(|number| (format!("g{number}"), value.clone()))
                .collect::<Map<_, _>>()
                .into()
        };
        for value in [many(json!({})), many(json!({"patterns": [1, 2, 3], "x": 1}))] {
            assert_eq!(ignored_parts(Key::named("groups").unwrap(), &value).len(), NAMED);
        }
    }
}

//! What commands print, held against what is said of it.

use std::collections::BTreeSet;

use serde_json::Value;

use super::page::Fields;

/// What was seen of one command.
#[derive(Default)]
pub(super) struct Printed {
    /// Paths that held something, paths that were null, and paths with the word that they held.
    seen: BTreeSet<String>,
    /// What differs from the page.
    pub(super) wrong: BTreeSet<String>,
}

impl Printed {
    /// Looks at everything in one answer.
    pub(super) fn look(&mut self, fields: &Fields, answer: &Value) {
        assert_eq!(answer["version"], 1, "{answer:#}");
        self.descend(fields, "", answer);
    }

    fn descend(&mut self, fields: &Fields, path: &str, value: &Value) {
        match value {
            Value::Object(object) => {
                let at = |key: &str| {
                    if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") }
                };
                for (key, value) in object {
                    self.field(fields, &at(key), value);
                }
                let told = fields.keys().filter(|field| parent(field) == path);
                let missing = told.filter(|field| !object.contains_key(name(field)));
                self.wrong.extend(
                    missing.map(|field| format!("{field} is on the page, but not always printed")),
                );
            }
            Value::Array(items) => {
                for item in items {
                    self.descend(fields, &format!("{path}[]"), item);
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }

    fn field(&mut self, fields: &Fields, path: &str, value: &Value) {
        let Some(row) = fields.get(path) else {
            self.wrong.insert(format!("{path} is printed, but not on the page"));
            return;
        };
        if !row.allows(path, value) {
            self.wrong.insert(format!("{path} is {value}, which the page does not allow"));
        }
        if value.is_null() {
            self.seen.insert(format!("{path} null"));
            return;
        }
        self.seen.insert(path.to_owned());
        if !row.words().is_empty() {
            self.seen.insert(format!("{path} {}", value.as_str().unwrap_or_default()));
        }
        if !row.is_opaque() {
            self.descend(fields, path, value);
        }
    }

    /// What the page names and no answer had.
    pub(super) fn unseen(&self, fields: &Fields) -> BTreeSet<String> {
        let mut unseen = BTreeSet::new();
        for (path, row) in fields {
            unseen.insert(path.clone());
            unseen.extend(row.words().iter().map(|word| format!("{path} {word}")));
            unseen.extend(row.may_be_null().then(|| format!("{path} null")));
        }
        unseen.retain(|it| !self.seen.contains(it));
        unseen
    }
}

/// The path of the object that a field is in.
fn parent(path: &str) -> &str {
    path.rsplit_once('.').map_or("", |(parent, _)| parent)
}

fn name(path: &str) -> &str {
    path.rsplit_once('.').map_or(path, |(_, name)| name)
}

//! What `docs/json.md` says of each field, as far as a program can hold something to it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use chrono::DateTime;
use serde_json::Value;

/// One row of a table.
#[derive(Debug, Clone)]
pub(super) struct Row {
    kind: String,
    meaning: String,
}

/// Every field of one command, by its path: `tasks[].id`.
pub(super) type Fields = BTreeMap<String, Row>;

/// The page.
pub(super) struct Page {
    text: String,
}

impl Page {
    pub(super) fn read() -> Self {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/json.md");
        Self { text: fs::read_to_string(path).unwrap() }
    }

    /// Every heading, in the form in which links name it, and what follows up to the next.
    fn sections(&self) -> impl Iterator<Item = (String, &str)> {
        self.text.split("\n#").skip(1).map(|section| {
            let (heading, text) = section.split_once('\n').unwrap();
            (heading.trim_start_matches('#').trim().to_lowercase().replace(' ', "-"), text)
        })
    }

    /// The commands that have a section.
    pub(super) fn commands(&self) -> BTreeSet<String> {
        let shapes = ["what-holds-for-all", "a-task", "a-row", "figures"];
        self.sections().map(|(name, _)| name).filter(|it| !shapes.contains(&it.as_str())).collect()
    }

    /// The table of a section, with the fields of the shapes that it links to.
    pub(super) fn fields(&self, section: &str) -> Fields {
        let found = self.sections().find(|(name, _)| name == section);
        let (_, text) = found.unwrap_or_else(|| panic!("no section `{section}`"));
        let mut fields = Fields::new();
        for line in text.lines().filter(|line| line.starts_with("| `")) {
            let cells: Vec<&str> = line.trim_matches('|').split(" | ").map(str::trim).collect();
            let [name, kind, meaning] = cells.as_slice() else { panic!("not three cells: {line}") };
            let path = name.trim_matches('`').to_owned();
            if let Some((_, link)) = kind.split_once("](#") {
                let inner = if kind.starts_with("list of ") { "[]." } else { "." };
                for (name, row) in self.fields(link.trim_end_matches(')')) {
                    assert!(fields.insert(format!("{path}{inner}{name}"), row).is_none());
                }
            }
            let row = Row { kind: (*kind).to_owned(), meaning: (*meaning).to_owned() };
            assert!(fields.insert(path, row).is_none(), "twice: {line}");
        }
        fields
    }
}

impl Row {
    pub(super) fn may_be_null(&self) -> bool {
        self.kind.ends_with(" or null")
    }

    /// The type of what is not null.
    fn type_of(&self) -> &str {
        self.kind.trim_end_matches(" or null")
    }

    /// Whether what is in it is data, and no fields.
    pub(super) fn is_opaque(&self) -> bool {
        ["map", "any"].contains(&self.type_of())
    }

    /// The words that it may be: those in backticks.
    pub(super) fn words(&self) -> Vec<&str> {
        if self.type_of() != "word" {
            return Vec::new();
        }
        self.meaning.split('`').skip(1).step_by(2).collect()
    }

    /// Whether a value has the type that the page names.
    pub(super) fn allows(&self, path: &str, value: &Value) -> bool {
        let is_whole = || path.ends_with("_ms") || path.ends_with("bytes");
        match self.type_of() {
            _ if value.is_null() => self.may_be_null(),
            "text" | "path" => value.is_string(),
            "word" => value.as_str().is_some_and(|word| self.words().contains(&word)),
            "time" => value.as_str().is_some_and(is_time),
            "number" => value.is_u64() || !is_whole() && value.is_number(),
            "true or false" => value.is_boolean(),
            "any" => true,
            "map" | "object" => value.is_object(),
            list if list.starts_with("list of ") => value.is_array(),
            shape if shape.starts_with('[') => value.is_object(),
            other => panic!("{path}: `{other}` is no type"),
        }
    }
}

fn is_time(text: &str) -> bool {
    text.ends_with('Z') && DateTime::parse_from_rfc3339(text).is_ok()
}

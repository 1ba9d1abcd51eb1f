//! The inputs that Claude Code really sent, recorded, with placeholders for ids and paths.

use std::path::PathBuf;

use serde_json::Value;

/// The conversation of every recorded payload.
pub(crate) const SESSION: &str = "0f0e0d0c-0000-4000-8000-000000000001";
/// The project of every recorded payload.
pub(crate) const PROJECT: &str = "/home/dev/proj";
/// Claude Code's temporary folder in every recorded payload.
pub(crate) const CLIENT_TMP: &str = "/tmp/claude-1000";

/// Every recorded payload's name, sorted.
pub(crate) fn names() -> Vec<String> {
    let mut names: Vec<String> = std::fs::read_dir(folder())
        .expect("the payloads")
        .map(|entry| entry.expect("an entry").file_name().into_string().expect("a name"))
        .map(|name| name.trim_end_matches(".json").to_owned())
        .collect();
    names.sort();
    assert!(names.len() > 30, "the payloads are there: {names:?}");
    names
}

/// The recorded payload `name`, each `(recorded, replacement)` exchanged wherever it stands, also inside of texts.
pub(crate) fn payload(name: &str, replacements: &[(&str, &str)]) -> Value {
    let path = folder().join(format!("{name}.json"));
    let mut text = std::fs::read_to_string(&path)
        .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    for (recorded, replacement) in replacements {
        text = text.replace(recorded, replacement);
    }
    serde_json::from_str(&text).expect("a payload is JSON")
}

/// `event` with the field at `pointer` set, which may be a new one of an object.
pub(crate) fn with(mut event: Value, pointer: &str, value: impl Into<Value>) -> Value {
    let (parent, key) = pointer.rsplit_once('/').expect("a pointer");
    event.pointer_mut(parent).expect("the object around it")[key] = value.into();
    event
}

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/payloads")
}

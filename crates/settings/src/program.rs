//! A program of the user's, with its arguments.

use std::path::{Path, is_separator};

use serde_json::Value;

/// The value as it is. Unlike in other lists, one wrong entry makes all of it unusable: a program with some of its
/// arguments is another command.
pub(super) fn usable(value: &Value, most: usize, longest: usize) -> Option<Value> {
    let texts: Vec<&str> = value.as_array()?.iter().map(Value::as_str).collect::<Option<_>>()?;
    let is_short = |text: &&str| text.chars().count() <= longest && !text.contains('\0');
    let can_be_found =
        |program: &&str| Path::new(program).is_absolute() || !program.contains(is_separator);
    let is_usable = texts.len() <= most
        && texts.iter().all(is_short)
        && texts.first().is_none_or(|program| !program.is_empty() && can_be_found(program));
    is_usable.then(|| value.clone())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_program_is_whole_or_nothing() {
        let absolute = if cfg!(windows) { "C:\\tell" } else { "/bin/tell" };
        for value in [
            json!([]),
            json!(["tell"]),
            json!([absolute, "", "-x", " a b "]),
            json!([absolute, "ä".repeat(9)]),
        ] {
            assert_eq!(usable(&value, 4, 9), Some(value));
        }
        for value in [
            json!("tell"),
            json!({ "tell": 1 }),
            json!([""]),
            json!(["tell", 1]),
            json!(["bin/tell"]),
            json!(["./tell"]),
            json!(["~/tell"]),
            json!(["tell", "a\0b"]),
            json!(["tell", "x".repeat(10)]),
            json!(["tell", "", "", "", ""]),
        ] {
            assert_eq!(usable(&value, 4, 9), None, "{value}");
        }
    }
}

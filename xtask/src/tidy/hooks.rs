//! Rules over `hooks/hooks.json`: every command is one of our binaries, in exec form.

use std::collections::BTreeSet;

use serde_json::Value;

use super::Finding;

/// The names of the `[[bin]]` sections of a `Cargo.toml`.
pub(super) fn declared_binaries(cargo_toml: &str) -> BTreeSet<String> {
    let sections = cargo_toml.split("[[bin]]").skip(1);
    sections.filter_map(|section| quoted_name(section.split("\n[").next()?)).collect()
}

/// Checks each command of `hooks_json` against the binaries that exist.
pub(super) fn check(hooks_json: &str, binaries: &BTreeSet<String>) -> Vec<Finding> {
    let document: Value = match serde_json::from_str(hooks_json) {
        Ok(document) => document,
        Err(error) => return vec![Finding::whole(format!("is not JSON: {error}"))],
    };
    let commands = commands(&document);
    if commands.is_empty() {
        return vec![Finding::whole("names no command")];
    }
    commands.into_iter().flat_map(|command| check_command(command, binaries)).collect()
}

fn check_command(hook: &Value, binaries: &BTreeSet<String>) -> Vec<Finding> {
    let mut findings = Vec::new();
    let command = hook["command"].as_str().unwrap_or_default();
    let name = command.rsplit('/').next().unwrap_or_default();
    if !binaries.contains(name) {
        findings.push(Finding::whole(format!("`{command}` names no binary of `crates/hooks`")));
    }
    if !hook["args"].is_array() {
        findings.push(Finding::whole(format!(
            "`{command}` has no `args`: without them a shell is started"
        )));
    }
    findings
}

/// Every object of `type: command`, wherever the events and matchers put it.
fn commands(value: &Value) -> Vec<&Value> {
    match value {
        Value::Object(map) if map.get("type").is_some_and(|kind| kind == "command") => vec![value],
        Value::Object(map) => map.values().flat_map(commands).collect(),
        Value::Array(items) => items.iter().flat_map(commands).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Vec::new(),
    }
}

fn quoted_name(section: &str) -> Option<String> {
    let value = section
        .lines()
        .find_map(|line| line.trim().strip_prefix("name")?.trim_start().strip_prefix('='))?;
    let (name, _) = value.trim().strip_prefix('"')?.split_once('"')?;
    Some(name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn binaries() -> BTreeSet<String> {
        BTreeSet::from(["sisyphus-stop".to_owned()])
    }

    fn hooks(command: &str) -> String {
        format!("{{\"hooks\": {{\"Stop\": [{{\"hooks\": [{command}]}}]}}}}")
    }

    #[test]
    fn the_declared_binaries_are_read() {
        let toml = "[package]\nname = \"x\"\n\n[[bin]]\nname = \"a\"\npath = \"a.rs\"\n[[bin]]\nname = \"b\"\n";
        assert_eq!(declared_binaries(toml), BTreeSet::from(["a".to_owned(), "b".to_owned()]));
    }

    #[test]
    fn a_sound_file_passes() {
        let sound = hooks(
            "{\"type\": \"command\", \"command\": \"${ROOT}/hooks/bin/sisyphus-stop\", \"args\": []}",
        );
        assert_eq!(check(&sound, &binaries()), []);
    }

    #[test]
    fn a_command_without_binary_is_found() {
        let unknown = hooks(
            "{\"type\": \"command\", \"command\": \"${ROOT}/hooks/bin/sisyphus-go\", \"args\": []}",
        );
        assert_eq!(check(&unknown, &binaries()).len(), 1);
    }

    #[test]
    fn shell_form_is_found() {
        let shell =
            hooks("{\"type\": \"command\", \"command\": \"${ROOT}/hooks/bin/sisyphus-stop\"}");
        assert_eq!(check(&shell, &binaries()).len(), 1);
    }

    #[test]
    fn a_file_without_commands_is_found() {
        assert_eq!(check("{}", &binaries()).len(), 1);
        assert_eq!(check("{", &binaries()).len(), 1);
    }
}

//! What a settings file, or the `hooks.json` of a plugin, declares.

use std::ffi::OsStr;
use std::path::Path;

use anyhow::Result;
use serde_json::Value;
use sisyphus_base::atomic;

/// Largest file that is read, in bytes.
const MAX_BYTES: u64 = 1024 * 1024;

/// Whether a settings file declares a PreToolUse hook that may see Bash, or enables a plugin that may. `own` is the
/// real folder of this plugin.
pub(super) fn settings_bring_hooks(path: &Path, own: Option<&Path>) -> Result<bool> {
    let Some(bytes) = atomic::read_linked(path, MAX_BYTES)? else { return Ok(false) };
    let Value::Object(settings) = serde_json::from_slice(&bytes)? else { return Ok(true) };
    let plugins = match settings.get("enabledPlugins") {
        None | Some(Value::Null) => false,
        Some(Value::Object(plugins)) => {
            plugins.iter().any(|(name, enabled)| enabled != false && !is_ours(name, own))
        }
        Some(_) => true,
    };
    Ok(plugins || declares_hook(settings.get("hooks").unwrap_or(&Value::Null)))
}

/// Whether an enabled plugin is this one. Another marketplace may have a plugin of the same name. Claude Code keeps
/// each plugin below a folder with the name of its marketplace. A plugin in the skills folder is checked there.
fn is_ours(plugin: &str, own: Option<&Path>) -> bool {
    match plugin.split_once('@') {
        Some(("sisyphus", "skills-dir")) => true,
        Some(("sisyphus", marketplace)) => {
            own.is_some_and(|own| own.iter().any(|part| part == OsStr::new(marketplace)))
        }
        Some(_) | None => false,
    }
}

/// Whether `PreToolUse` has an entry that may see Bash.
fn declares_hook(hooks: &Value) -> bool {
    let Value::Object(events) = hooks else { return !hooks.is_null() };
    match events.get("PreToolUse") {
        None | Some(Value::Null) => false,
        Some(Value::Array(entries)) => {
            entries.iter().any(|entry| may_match_bash(&entry["matcher"]))
        }
        Some(_) => true,
    }
}

/// Whether a matcher may match Bash. A matcher is a name, a list of names with `|`, or a regular expression. A missing
/// one matches every tool.
fn may_match_bash(matcher: &Value) -> bool {
    let Some(matcher) = matcher.as_str() else { return true };
    let plain = |name: &str| {
        !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
    };
    !matcher.split('|').all(plain) || matcher.split('|').any(|name| name == "Bash")
}

#[cfg(test)]
mod tests {
    use std::fs;

    use serde_json::json;
    use sisyphus_testing::TempDir;

    use super::*;

    #[test]
    fn matchers_that_may_see_bash() {
        let cases = [
            (json!(null), true),
            (json!(""), true),
            (json!("*"), true),
            (json!("Bash"), true),
            (json!("Edit|Bash"), true),
            (json!("B.*"), true),
            (json!("Edit|Write"), false),
            (json!("BashOutput"), false),
        ];
        for (matcher, expected) in cases {
            assert_eq!(may_match_bash(&matcher), expected, "{matcher}");
        }
    }

    #[test]
    fn settings_that_bring_hooks() {
        let dir = TempDir::new();
        let path = dir.path().join("settings.json");
        let own = Path::new("/home/dev/.claude/plugins/cache/market/sisyphus/0.1.0");
        assert!(!settings_bring_hooks(&path, None).unwrap(), "none at all");
        let cases = [
            (r#"{"hooks":{"PreToolUse":[{"matcher":"Bash","hooks":[]}]}}"#, true),
            (r#"{"hooks":{"PreToolUse":[{"matcher":"Edit"}],"Stop":[{}]}}"#, false),
            (r#"{"hooks":{"PreToolUse":[]}}"#, false),
            (r#"{"hooks":{"PreToolUse":{"matcher":"Edit"}}}"#, true),
            (r#"{"hooks":"./other.json"}"#, true),
            (r#"{"hooks":null}"#, false),
            ("[]", true),
            ("{}", false),
            (r#"{"enabledPlugins":{"other@market":true}}"#, true),
            (r#"{"enabledPlugins":{"other@market":["^1"]}}"#, true),
            (r#"{"enabledPlugins":["other@market"]}"#, true),
            (r#"{"enabledPlugins":{"sisyphus@skills-dir":true,"other@market":false}}"#, false),
            (r#"{"enabledPlugins":{"sisyphus@market":true}}"#, false),
            (r#"{"enabledPlugins":{"sisyphus@bazaar":true}}"#, true),
            (r#"{"enabledPlugins":{"sisyphus-fork@market":true}}"#, true),
        ];
        for (text, expected) in cases {
            fs::write(&path, text).unwrap();
            assert_eq!(settings_bring_hooks(&path, Some(own)).unwrap(), expected, "{text}");
        }
        for broken in ["{broken", ""] {
            fs::write(&path, broken).unwrap();
            assert!(settings_bring_hooks(&path, None).is_err(), "{broken}");
        }
    }
}

//! Finds out whether another PreToolUse hook of this session may see Bash.
//!
//! Of two hooks that answer `updatedInput` the last to finish wins, so a reply of ours could undo another plugin's
//! rewrite, maybe one that was made for safety. Whatever can't be read or is not known counts as another hook.

use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde_json::Value;
use sisyphus_core::atomic;
use sisyphus_core::environment::Environment;
use sisyphus_core::paths::client_config_dir;
use sisyphus_core::store::Rewriting;

/// Largest file that is read, in bytes.
const MAX_BYTES: u64 = 1024 * 1024;

/// Flags of the client that bring no hooks with them. Every other one may.
const HARMLESS_FLAGS: [&str; 20] = [
    "-p",
    "--print",
    "--verbose",
    "-c",
    "--continue",
    "-r",
    "--resume",
    "--fork-session",
    "--session-id",
    "-d",
    "--debug",
    "--output-format",
    "--model",
    "--fallback-model",
    "--permission-mode",
    "--dangerously-skip-permissions",
    "--allowedTools",
    "--disallowedTools",
    "--max-turns",
    "--append-system-prompt",
];

/// Settings that an administrator gives, on Linux, macOS and Windows.
const MANAGED: [&str; 3] =
    ["/etc/claude-code", "/Library/Application Support/ClaudeCode", "C:\\ProgramData\\ClaudeCode"];

/// Looks at everything that can bring hooks into a session in `project`.
pub(crate) fn survey(environment: &Environment, project: &Path) -> Rewriting {
    let Ok(client) = sisyphus_process::caller() else { return Rewriting::MaybeOthers };
    let Ok(user) = client_config_dir(environment) else { return Rewriting::MaybeOthers };
    let project = project.join(".claude");
    let own = environment.claude_plugin_root.as_deref();
    let found = brings_flags(&client.args)
        || settings_files(&user, &project).iter().any(|path| settings_bring_hooks(path))
        || MANAGED.iter().any(|dir| Path::new(dir).join("managed-settings.d").exists())
        || [&user, &project].into_iter().any(|dir| folder_brings_hooks(dir, own).unwrap_or(true));
    if found { Rewriting::MaybeOthers } else { Rewriting::OnlyOurs }
}

fn brings_flags(args: &[OsString]) -> bool {
    args.iter().map(|arg| arg.to_string_lossy()).any(|arg| {
        let flag = arg.split('=').next().unwrap_or_default();
        flag.starts_with('-') && !HARMLESS_FLAGS.contains(&flag)
    })
}

fn settings_files(user: &Path, project: &Path) -> Vec<PathBuf> {
    let managed = MANAGED.iter().map(|dir| Path::new(dir).join("managed-settings.json"));
    let own = [
        user.join("settings.json"),
        project.join("settings.json"),
        project.join("settings.local.json"),
    ];
    managed.chain(own).collect()
}

/// Whether a settings file declares such a hook, or enables a plugin that may.
fn settings_bring_hooks(path: &Path) -> bool {
    let settings: Value = match atomic::read(path, MAX_BYTES) {
        Ok(None) => return false,
        Ok(Some(bytes)) => match serde_json::from_slice(&bytes) {
            Ok(settings) => settings,
            Err(_) => return true,
        },
        Err(_) => return true,
    };
    let plugins = settings["enabledPlugins"].as_object();
    let plugin = plugins.is_some_and(|plugins| {
        plugins
            .iter()
            .any(|(name, enabled)| !name.starts_with("sisyphus@") && enabled != &Value::Bool(false))
    });
    plugin || declares_hook(&settings)
}

/// Whether `hooks.PreToolUse` has an entry that sees Bash.
fn declares_hook(settings: &Value) -> bool {
    let declared = &settings["hooks"]["PreToolUse"];
    let listed = declared.as_array();
    listed.map_or(!declared.is_null(), |entries| {
        entries.iter().any(|entry| may_match_bash(&entry["matcher"]))
    })
}

/// A matcher is a name, a list of names with `|`, or a regular expression; none means every tool.
fn may_match_bash(matcher: &Value) -> bool {
    let Some(matcher) = matcher.as_str() else { return true };
    let plain = |name: &str| {
        !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
    };
    !matcher.split('|').all(plain) || matcher.split('|').any(|name| name == "Bash")
}

/// Whether a plugin, skill or agent below a `.claude` folder declares such a hook.
fn folder_brings_hooks(dir: &Path, own: Option<&Path>) -> io::Result<bool> {
    for skill in entries(&dir.join("skills"))? {
        let ours = own.is_some_and(|own| own.canonicalize().ok() == skill.canonicalize().ok());
        let hooks = skill.join("hooks/hooks.json");
        if !ours
            && (settings_bring_hooks(&hooks) || front_matter_has_hooks(&skill.join("SKILL.md"))?)
        {
            return Ok(true);
        }
    }
    for agent in entries(&dir.join("agents"))? {
        if front_matter_has_hooks(&agent)? {
            return Ok(true);
        }
    }
    Ok(false)
}

fn entries(dir: &Path) -> io::Result<Vec<PathBuf>> {
    match fs::read_dir(dir) {
        Ok(entries) => entries.map(|entry| Ok(entry?.path())).collect(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}

/// Whether a Markdown file has a line `hooks:` at its beginning, where the client reads its settings.
fn front_matter_has_hooks(path: &Path) -> io::Result<bool> {
    match fs::read_to_string(path) {
        Ok(text) => {
            Ok(text.starts_with("---") && text.lines().any(|line| line.starts_with("hooks")))
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        // A folder among the agents holds agents of a deeper level: not looked into, so not known.
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use sisyphus_testing::TempDir;

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
    fn only_known_flags_are_harmless() {
        let args = |line: &str| line.split(' ').map(OsString::from).collect::<Vec<_>>();
        assert!(!brings_flags(&args("claude -p --output-format=json go")));
        assert!(!brings_flags(&args("/usr/bin/claude --resume abc")));
        assert!(brings_flags(&args("claude --plugin-dir /x")));
        assert!(brings_flags(&args("claude --settings {}")));
        assert!(brings_flags(&args("claude -p --input-format stream-json")));
    }

    #[test]
    fn every_place_that_can_hold_hooks_is_seen() {
        let hook = r#"{"hooks":{"PreToolUse":[{"matcher":"Bash","hooks":[]}]}}"#;
        let cases: [(&str, &str, bool); 9] = [
            ("settings.json", hook, true),
            ("settings.local.json", hook, true),
            ("settings.json", "{broken", true),
            ("settings.json", r#"{"enabledPlugins":{"other@market":true}}"#, true),
            (
                "settings.json",
                r#"{"enabledPlugins":{"sisyphus@skills-dir":true,"other@market":false}}"#,
                false,
            ),
            (
                "settings.json",
                r#"{"hooks":{"PreToolUse":[{"matcher":"Edit"}],"Stop":[{}]}}"#,
                false,
            ),
            ("skills/other/hooks/hooks.json", hook, true),
            ("skills/other/SKILL.md", "---\nname: x\nhooks:\n  PreToolUse: []\n---\n", true),
            ("agents/a.md", "---\nname: x\n---\nhooks are fine here\n", true),
        ];
        for (name, content, expected) in cases {
            let dir = TempDir::new();
            let path = dir.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, content).unwrap();
            let none = TempDir::new();
            let found = settings_files(none.path(), dir.path())
                .iter()
                .any(|path| settings_bring_hooks(path))
                || folder_brings_hooks(dir.path(), None).unwrap();
            assert_eq!(found, expected, "{name}: {content}");
        }
    }

    #[test]
    fn our_own_hooks_are_no_others() {
        let dir = TempDir::new();
        let own = dir.path().join("skills/sisyphus");
        fs::create_dir_all(own.join("hooks")).unwrap();
        fs::write(own.join("hooks/hooks.json"), r#"{"hooks":{"PreToolUse":[{}]}}"#).unwrap();
        assert!(!folder_brings_hooks(dir.path(), Some(&own)).unwrap());
        assert!(folder_brings_hooks(dir.path(), None).unwrap());
    }
}

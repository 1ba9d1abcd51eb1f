//! Selects our part of a settings file. Most of the file belongs to Claude Code, and hooks read it while the user
//! waits.

use std::fmt;

use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::{Map, Value};

use super::keys::{KEYS, OTHER_SECTION, PLUGIN_OPTIONS, Place, SECTION};

/// A key of Claude Code's own that we read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClientKey {
    AllowManagedHooksOnly,
    ApiKeyHelper,
    DisableAllHooks,
    EnabledPlugins,
    Sandbox,
}

impl ClientKey {
    const ALL: [Self; 5] = [
        Self::AllowManagedHooksOnly,
        Self::ApiKeyHelper,
        Self::DisableAllHooks,
        Self::EnabledPlugins,
        Self::Sandbox,
    ];

    /// Its name in the file.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::AllowManagedHooksOnly => "allowManagedHooksOnly",
            Self::ApiKeyHelper => "apiKeyHelper",
            Self::DisableAllHooks => "disableAllHooks",
            Self::EnabledPlugins => "enabledPlugins",
            Self::Sandbox => "sandbox",
        }
    }
}

/// Parses a settings file and keeps our part of it. The parser skips the rest without building it, which takes less
/// time (`cargo xtask bench settings`). Still, all of it must be JSON, nested to any depth. Only its strings may
/// contain bytes that are not UTF-8.
pub(super) fn parse(bytes: &[u8]) -> serde_json::Result<Value> {
    match serde_json::from_slice(bytes) {
        Ok(Excerpt(kept)) => Ok(kept.into()),
        // The file is not an object, or not JSON: this parse returns which.
        Err(_) => serde_json::from_slice(bytes),
    }
}

fn is_kept(key: &str) -> bool {
    let in_section = || key.strip_prefix(SECTION)?.strip_prefix('.');
    let is_bare = || KEYS.iter().any(|known| known.place == Place::AlsoTop && known.name == key);
    let is_of_client = || ClientKey::ALL.iter().any(|known| known.name() == key);
    [SECTION, OTHER_SECTION, PLUGIN_OPTIONS].contains(&key)
        || in_section().is_some()
        || is_bare()
        || is_of_client()
}

struct Excerpt(Map<String, Value>);

impl<'de> Deserialize<'de> for Excerpt {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct File;

        impl<'de> Visitor<'de> for File {
            type Value = Excerpt;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut file: A) -> Result<Excerpt, A::Error> {
                let mut kept = Map::new();
                while let Some(name) = file.next_key::<String>()? {
                    if is_kept(&name) {
                        kept.insert(name, file.next_value()?);
                    } else {
                        file.next_value::<IgnoredAny>()?;
                    }
                }
                Ok(Excerpt(kept))
            }
        }

        deserializer.deserialize_map(File)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_ours_is_kept_as_it_stands() {
        let kept = json!({
            "sisyphus": { "output_lines": 5, "odd": [{}] },
            "sisyphus.output_lines": null,
            "sisyphus.no_such_key": "x",
            "background_notifications": false,
            "background_task": { "defaultConcurrency": 3 },
            "pluginConfigs": { "sisyphus@skills-dir": { "options": { "output_lines": 5 } } },
            "enabledPlugins": { "sisyphus@market": true },
            "allowManagedHooksOnly": true,
            "disableAllHooks": true,
        });
        let mut file = kept.clone();
        for (name, value) in [
            ("sisyphusx", json!(1)),
            ("output_lines", json!(2)),
            ("", json!([[], {}, "\"}", 1e9])),
            ("permissions", json!({ "allow": ["Bash(npm test)"] })),
        ] {
            file[name] = value;
        }
        assert_eq!(parse(file.to_string().as_bytes()).unwrap(), kept);
        assert_eq!(parse(format!(" {file:#}\n").as_bytes()).unwrap(), kept);
    }

    #[test]
    fn what_is_no_object_or_no_json_stays_so() {
        for text in ["[1]", "null", "3", "\"sisyphus\""] {
            let whole: Value = serde_json::from_str(text).unwrap();
            assert_eq!(parse(text.as_bytes()).unwrap(), whole);
        }
        let broken =
            ["", "{", "{\"a\":}", "{\"a\":1}}", "{\"a\":[}", "{'a':1}", "{\"sisyphus\":01}"];
        for text in broken {
            assert!(parse(text.as_bytes()).is_err(), "{text}");
        }
    }

    #[test]
    fn of_a_key_that_stands_twice_the_last_counts() {
        let text = r#"{"sisyphus": 1, "sisyph\u0075s": {"output_lines": 2}, "x": 1, "x": 2}"#;
        assert_eq!(parse(text.as_bytes()).unwrap(), json!({ "sisyphus": { "output_lines": 2 } }));
    }
}

//! The user's settings: the key `sisyphus` in the client's own `settings.json`.

use std::path::Path;

use serde_json::Value;

use crate::atomic;

/// Largest settings file that is read, in bytes.
const MAX_BYTES: u64 = 1024 * 1024;

/// Whether commands are attached and recorded at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Execution {
    On,
    Off,
}

/// What the user set, or the default.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// `sisyphus.background_execution`, default true.
    pub execution: Execution,
    /// `sisyphus.output_lines`, default 20, at most 200: how many last lines of an output a reminder shows.
    pub output_lines: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self { execution: Execution::On, output_lines: 20 }
    }
}

impl Settings {
    /// Reads `settings.json` in the client's configuration folder. What is missing, broken or of the wrong type is the
    /// default: a typing mistake in one key must not cost a session its results.
    pub fn read(config_dir: &Path) -> Self {
        let bytes = atomic::read(&config_dir.join("settings.json"), MAX_BYTES).ok().flatten();
        let value = bytes
            .and_then(|bytes| serde_json::from_slice::<Value>(&bytes).ok())
            .unwrap_or_default();
        Self::of(&value["sisyphus"])
    }

    fn of(section: &Value) -> Self {
        let default = Self::default();
        let execution = match section["background_execution"].as_bool() {
            Some(false) => Execution::Off,
            Some(true) | None => Execution::On,
        };
        let lines = section["output_lines"].as_u64().and_then(|lines| usize::try_from(lines).ok());
        Self { execution, output_lines: lines.map_or(default.output_lines, |lines| lines.min(200)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_wrong_value_is_the_default() {
        let cases = [
            (json!({}), Settings::default()),
            (json!(null), Settings::default()),
            (json!({"background_execution": "no", "output_lines": -1}), Settings::default()),
            (
                json!({"background_execution": false, "output_lines": 5, "other": 1}),
                Settings { execution: Execution::Off, output_lines: 5 },
            ),
            (
                json!({"output_lines": 100_000}),
                Settings { output_lines: 200, ..Settings::default() },
            ),
        ];
        for (section, expected) in cases {
            assert_eq!(Settings::of(&section), expected, "{section}");
        }
    }
}

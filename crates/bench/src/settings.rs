//! What reading settings adds to a hook that needs them.

use std::fs::{self, File};
use std::path::Path;

use anyhow::{Context as _, Result};
use serde_json::{Map, Value, json};
use sisyphus_settings::keys::KEYS;

use super::hooks::{announcement, forget_announcements};
use super::measure::{Candidate, rows, take_turns};
use super::report::Table;
use super::stage::Stage;

const ROUNDS: usize = 300;
/// The number of keys in the user's file, ours included.
const USER_KEYS: usize = 100;
/// The column of the difference.
const MORE: &str = "more than without, ms";

/// Announces a task without settings, with the user's, and with a project's in addition.
pub(crate) fn run(stage: &Stage) -> Result<Vec<Table>> {
    let event = announcement(stage)?;
    let (bare, full) = (stage.home().join("bare"), stage.home().join("project"));
    fs::create_dir_all(&bare)?;
    write(
        &full,
        "settings.json",
        &json!({ "sisyphus": { "output_lines": 10, "stale_minutes": 60 } }),
    )?;
    write(&full, "settings.local.json", &json!({ "sisyphus.service_patterns": ["!npm start"] }))?;
    let user = user_settings();
    let announcing = |name: &str, settings: Option<&Value>, project: &Path| {
        let (event, project, settings) = (event.clone(), project.to_owned(), settings.cloned());
        Candidate::new(name, move || {
            forget_announcements(stage);
            match &settings {
                Some(settings) => stage.settings(settings)?,
                None => stage.forget_settings()?,
            }
            let mut hook = stage.binary("sisyphus-pre-tool-use");
            hook.env("CLAUDE_PROJECT_DIR", &project);
            Ok((hook, Some(File::open(&event)?)))
        })
    };
    let candidates = vec![
        Candidate::bin_true(),
        announcing("PreToolUse, announcing: no settings", None, &bare),
        announcing("the user's file, 100 keys", Some(&user), &bare),
        announcing("and both files of the project", Some(&user), &full),
    ];
    let mut rows = rows(&take_turns(candidates, stage.rounds(ROUNDS))?);
    stage.forget_settings()?;
    forget_announcements(stage);
    let medians: Vec<f64> =
        rows.iter().filter_map(|row| row.times).map(|times| times.median_ms).collect();
    if let [_, without, ..] = medians[..] {
        for (row, median) in rows.iter_mut().zip(&medians).skip(2) {
            *row = row.clone().with(MORE, median - without);
        }
    }
    let note = "goal: both kinds together at most 0.2 ms more";
    Ok(vec![Table::new("Announcing with settings", rows).with_note(note)])
}

/// Each of our keys, and values in the shape of Claude Code's other settings: texts, lists and objects.
fn user_settings() -> Value {
    let mut file: Map<String, Value> =
        KEYS.iter().map(|key| (key.dotted(), key.default())).collect();
    for number in file.len()..USER_KEYS {
        let value = match number % 4 {
            0 => json!([
                "Bash(npm run test:*)",
                "Read(~/projects/**)",
                "WebFetch(domain:example.org)"
            ]),
            1 => {
                json!({ "type": "command", "command": "/usr/local/bin/something --with arguments" })
            }
            2 => json!("a value as long as paths and names of models are"),
            _ => json!(true),
        };
        file.insert(format!("settingOfTheClient{number}"), value);
    }
    file.into()
}

fn write(project: &Path, name: &str, settings: &Value) -> Result<()> {
    let folder = project.join(".claude");
    fs::create_dir_all(&folder)?;
    let path = folder.join(name);
    fs::write(&path, format!("{settings:#}"))
        .with_context(|| format!("could not write `{}`", path.display()))
}

//! The user's settings and those of a project, one over the other.
//!
//! A project's settings come with a repository: they may only make us more careful than the user wants us to be. The
//! [table of keys](super::keys) says how a project may change each key. `narrow` is the one place that decides.

use std::path::{Path, PathBuf};

use serde_json::Value;
use sisyphus_base::atomic;

use super::excerpt::{self, ClientKey};
use super::keys::{KEYS, Key, Kind, Project, Zero};
use super::{MAX_BYTES, Settings, Switch};

/// The files of a project. For Claude Code the second overrides the first. Both may come with a repository.
const PROJECT_FILES: [&str; 2] = ["settings.json", "settings.local.json"];

/// One settings file.
#[derive(Debug, Clone)]
pub struct File {
    pub path: PathBuf,
    pub content: Content,
}

/// What is in a settings file.
#[derive(Debug, Clone)]
pub enum Content {
    Missing,
    /// It can't be read, or is not JSON, for this reason. Nothing in it is effective.
    Unreadable(String),
    /// Our part of it, and each [`ClientKey`].
    Read(Value),
}

impl File {
    /// Reads a settings file, which may be a link, as in a folder of dotfiles.
    pub fn read(path: PathBuf) -> Self {
        let content = match atomic::read_linked(&path, MAX_BYTES) {
            Ok(None) => Content::Missing,
            Ok(Some(bytes)) => match excerpt::parse(&bytes) {
                Ok(value) => Content::Read(value),
                Err(error) => Content::Unreadable(format!("not JSON: {error}")),
            },
            Err(error) => Content::Unreadable(error.root_cause().to_string()),
        };
        Self { path, content }
    }

    /// The value of one of Claude Code's own keys.
    pub fn of_client(&self, key: ClientKey) -> Option<&Value> {
        match &self.content {
            Content::Read(file) => file.get(key.name()),
            Content::Missing | Content::Unreadable(_) => None,
        }
    }

    /// The value of a key, if it is usable.
    fn usable(&self, key: &Key) -> Option<Value> {
        let Content::Read(file) = &self.content else { return None };
        key.usable(key.set_in(file).next()?)
    }
}

/// The origin of a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source<'a> {
    Default,
    File(&'a Path),
}

/// The effective value of one key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Effective<'a> {
    pub key: &'static Key,
    pub value: Value,
    pub source: Source<'a>,
    /// The files of the project that set it to a value that a project may not set.
    pub refused: Vec<&'a Path>,
}

/// Every settings file that is read.
#[derive(Debug, Clone)]
pub struct Layers {
    pub user: File,
    pub project: Vec<File>,
}

impl Layers {
    /// Reads `settings.json` in Claude Code's configuration folder, and the files of a project.
    pub fn read(config_dir: &Path, project: Option<&Path>) -> Self {
        let folder = project.map(|dir| dir.join(".claude")).filter(|folder| folder != config_dir);
        let of_project =
            folder.iter().flat_map(|folder| PROJECT_FILES.map(|name| folder.join(name)));
        Self {
            user: File::read(config_dir.join("settings.json")),
            project: of_project.map(File::read).collect(),
        }
    }

    /// The effective value of each key, and its origin.
    pub fn effective(&self) -> Vec<Effective<'_>> {
        KEYS.iter().map(|key| self.effective_of(key)).collect()
    }

    /// The effective value of one key.
    pub fn effective_of(&self, key: &'static Key) -> Effective<'_> {
        let (value, source) = match self.user.usable(key) {
            Some(value) => (value, Source::File(self.user.path.as_path())),
            None => (key.default(), Source::Default),
        };
        let mut effective = Effective { key, value, source, refused: Vec::new() };
        for file in &self.project {
            let Some(asked) = file.usable(key) else { continue };
            match narrow(key, &effective.value, &asked) {
                Narrowed::Same => {}
                Narrowed::To(value) => {
                    effective.value = value;
                    effective.source = Source::File(&file.path);
                }
                Narrowed::Refused => effective.refused.push(&file.path),
            }
        }
        effective
    }

    /// The effective values, for the program.
    pub fn settings(&self) -> Settings {
        let values = self.effective().into_iter().map(|it| (it.key.name, it.value));
        Settings::of(&values.collect(), self.sandbox(), self.hooks())
    }

    /// Whether Claude Code runs hooks: it does not if a file disables them.
    fn hooks(&self) -> Switch {
        let disables =
            |file: &File| file.of_client(ClientKey::DisableAllHooks) == Some(&Value::Bool(true));
        if self.project.iter().chain([&self.user]).any(disables) { Switch::Off } else { Switch::On }
    }

    /// Whether any file enables Claude Code's sandbox. In doubt it counts as enabled, because readers trust a sandboxed
    /// runner less.
    fn sandbox(&self) -> Switch {
        let is_on = |file: &File| {
            let section = file.of_client(ClientKey::Sandbox);
            section.and_then(|it| it.get("enabled")) == Some(&Value::Bool(true))
        };
        if self.project.iter().chain([&self.user]).any(is_on) { Switch::On } else { Switch::Off }
    }
}

/// The result if a project asks for another value.
#[derive(Debug, PartialEq, Eq)]
enum Narrowed {
    Same,
    To(Value),
    /// It would loosen something, or a project may not set it.
    Refused,
}

/// Decides what a project may change. Both values are usable ones of the key.
fn narrow(key: &Key, ours: &Value, asked: &Value) -> Narrowed {
    if ours == asked {
        return Narrowed::Same;
    }
    match key.project {
        Project::MayNothing => Narrowed::Refused,
        Project::MayTurnOff if asked == false => Narrowed::To(false.into()),
        Project::MayTurnOff => Narrowed::Refused,
        Project::MayTurnOn if asked == true => Narrowed::To(true.into()),
        Project::MayTurnOn => Narrowed::Refused,
        Project::MayLower if weight(key, asked) < weight(key, ours) => Narrowed::To(asked.clone()),
        Project::MayLower => Narrowed::Refused,
        Project::MayTakeAway => take_away(ours, asked),
    }
}

/// How much a number allows.
fn weight(key: &Key, value: &Value) -> u64 {
    let number = value.as_u64().unwrap_or(u64::MAX);
    match key.kind {
        Kind::Number { zero: Zero::Unlimited, .. } if number == 0 => u64::MAX,
        Kind::Number { .. }
        | Kind::Switch
        | Kind::Consent
        | Kind::Patterns { .. }
        | Kind::Limits { .. }
        | Kind::Groups { .. }
        | Kind::Program { .. } => number,
    }
}

fn take_away(ours: &Value, asked: &Value) -> Narrowed {
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let (kept, asked) = (list(ours), list(asked));
    let takes = |entry: &&Value| entry.as_str().is_some_and(|entry| entry.starts_with('!'));
    let more: Vec<Value> =
        asked.iter().filter(takes).filter(|entry| !kept.contains(entry)).cloned().collect();
    let adds = asked.iter().any(|entry| !takes(&entry) && !kept.contains(entry));
    match (more.is_empty(), adds) {
        (true, true) => Narrowed::Refused,
        (true, false) => Narrowed::Same,
        // The user's come first: if there are too many, the last are dropped, and what the user removed must stay
        // removed.
        (false, _) => Narrowed::To(kept.into_iter().chain(more).collect()),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use serde_json::json;
    use sisyphus_testing::TempDir;

    use super::super::tests::settings_of;
    use super::*;

    /// Each row: key, what the user set, what a project asks for, what counts then.
    #[test]
    fn a_project_only_makes_us_more_careful() {
        let cases = [
            ("background_execution", json!(null), json!(false), json!(false)),
            ("background_execution", json!(true), json!(false), json!(false)),
            ("background_execution", json!(false), json!(true), json!(false)),
            ("sleep_guard", json!(null), json!(false), json!(false)),
            ("sleep_guard", json!(false), json!(true), json!(false)),
            ("ultrawork_keyword", json!(null), json!(false), json!(false)),
            ("ultrawork_keyword", json!(false), json!(true), json!(false)),
            ("keep_agent_messages", json!(null), json!(false), json!(false)),
            ("keep_agent_messages", json!(false), json!(true), json!(false)),
            ("mark_queued_agents", json!(null), json!(false), json!(false)),
            ("mark_queued_agents", json!(false), json!(true), json!(false)),
            ("band", json!(null), json!(false), json!(false)),
            ("band", json!(false), json!(true), json!(false)),
            ("background_notifications", json!(null), json!(false), json!(false)),
            ("background_notifications", json!(false), json!(true), json!(false)),
            ("notify_min_seconds", json!(null), json!(0), json!(10)),
            ("notify_min_seconds", json!(60), json!(600), json!(60)),
            // One line for all projects.
            ("max_background_tasks", json!(null), json!(50), json!(5)),
            ("max_background_tasks", json!(null), json!(0), json!(5)),
            ("max_background_tasks", json!(3), json!(1), json!(3)),
            ("model_concurrency", json!({ "opus": 2 }), json!({ "opus": 1 }), json!({ "opus": 2 })),
            ("provider_concurrency", json!(null), json!({ "anthropic": 0 }), json!({})),
            (
                "groups",
                json!({ "a": { "patterns": ["x"], "limit": 2 } }),
                json!({ "a": { "patterns": ["*"], "limit": 1 } }),
                json!({ "a": { "patterns": ["x"], "limit": 2, "foreground": "run" } }),
            ),
            ("groups", json!(null), json!({ "a": { "patterns": ["x"] } }), json!({})),
            ("task_ttl_minutes", json!(null), json!(60), json!(30)),
            ("task_ttl_minutes", json!(null), json!(5), json!(5)),
            ("task_ttl_minutes", json!(0), json!(60), json!(30)),
            ("task_ttl_minutes", json!(10), json!(0), json!(10)),
            ("task_ttl_minutes", json!(60), json!(0), json!(30)),
            ("memory_limit_mb", json!(null), json!(512), json!(512)),
            ("memory_limit_mb", json!(512), json!(64), json!(64)),
            ("memory_limit_mb", json!(512), json!(1_024), json!(512)),
            ("memory_limit_mb", json!(512), json!(0), json!(512)),
            ("stale_minutes", json!(null), json!(5), json!(5)),
            ("stale_minutes", json!(5), json!(9), json!(5)),
            ("stale_minutes", json!(5), json!(0), json!(5)),
            ("service_patterns", json!(null), json!(["make dev"]), json!([])),
            ("service_patterns", json!(["a"]), json!(["!a", "b"]), json!(["a", "!a"])),
            ("service_patterns", json!(["a"]), json!(["a"]), json!(["a"])),
            ("keep_patterns", json!(null), json!(["*"]), json!([])),
            ("keep_patterns", json!(["a"]), json!(["!a", "b"]), json!(["a"])),
            ("deny_duplicates", json!(null), json!(true), json!(true)),
            ("deny_duplicates", json!(true), json!(false), json!(true)),
            ("output_lines", json!(null), json!(200), json!(20)),
            ("output_lines", json!(50), json!(2), json!(2)),
            ("output_lines", json!(50), json!(0), json!(0)),
            ("on_complete", json!(null), json!(["theirs"]), json!([])),
            ("on_complete", json!(["ours"]), json!(["theirs"]), json!(["ours"])),
            ("on_complete", json!(["ours"]), json!([]), json!(["ours"])),
            ("delegate_bypass", json!(null), json!(true), json!(false)),
            ("delegate_bypass", json!(true), json!(false), json!(false)),
            ("delegate_max_budget_usd", json!(null), json!(5), json!(5)),
            ("delegate_max_budget_usd", json!(5), json!(0), json!(5)),
            ("delegate_depth", json!(null), json!(3), json!(1)),
            ("delegate_depth", json!(null), json!(0), json!(0)),
            ("delegate_survives_exit", json!(null), json!(false), json!(false)),
            ("delegate_survives_exit", json!(false), json!(true), json!(false)),
            // What can't be used does nothing.
            ("output_lines", json!(50), json!("2"), json!(50)),
            ("sleep_guard", json!(null), json!(0), json!(true)),
        ];
        for (name, user, project, expected) in &cases {
            let said = layers(user, name, project);
            let found = said.effective().into_iter().find(|it| it.key.name == *name).unwrap();
            assert_eq!(found.value, *expected, "{name}: {user} and {project}");
            assert_eq!(
                said.settings(),
                settings_of(&json!({ "sisyphus": { (*name): expected } })),
                "{name}: {user} and {project}"
            );
        }
        for key in KEYS {
            assert!(cases.iter().any(|case| case.0 == key.name), "{} has no row", key.name);
        }
    }

    fn layers(user: &Value, name: &str, project: &Value) -> Layers {
        let file = |path: &str, value: &Value| File {
            path: path.into(),
            content: Content::Read(json!({ "sisyphus": { (name): value } })),
        };
        Layers { user: file("/user", user), project: vec![file("/project", project)] }
    }

    /// `Layers::effective` says where a value comes from and which files it refused.
    #[test]
    fn a_value_has_its_source_and_refusals() {
        let said = layers(&json!(null), "output_lines", &json!(5));
        let find = |said: &Layers| {
            let all = said.effective();
            let it = all.iter().find(|it| it.key.name == "output_lines").unwrap();
            (
                it.source == Source::Default,
                it.source == Source::File(Path::new("/project")),
                it.refused.len(),
            )
        };
        assert_eq!(find(&said), (false, true, 0));
        assert_eq!(find(&layers(&json!(null), "output_lines", &json!(50))), (true, false, 1));
        assert_eq!(find(&layers(&json!(5), "output_lines", &json!(50))), (false, false, 1));
        assert_eq!(find(&layers(&json!(5), "output_lines", &json!(5))), (false, false, 0));
    }

    /// `Layers::read` reads both files of a project, and neither loosens the other.
    #[test]
    fn both_files_of_a_project_are_read() {
        let dir = TempDir::new();
        let (user, project) = (dir.path().join("user"), dir.path().join("project"));
        for folder in [user.clone(), project.join(".claude")] {
            fs::create_dir_all(folder).unwrap();
        }
        let put = |path: PathBuf, lines: u32| {
            let text = json!({ "sisyphus.output_lines": lines }).to_string();
            atomic::write(&path, text.as_bytes()).unwrap();
        };
        put(user.join("settings.json"), 10);
        put(project.join(".claude/settings.json"), 5);
        put(project.join(".claude/settings.local.json"), 7);
        assert_eq!(Layers::read(&user, Some(&project)).settings().output_lines, 5);
        assert_eq!(Layers::read(&user, None).settings().output_lines, 10);
        // What is broken does nothing, and does not keep the other from counting.
        atomic::write(&project.join(".claude/settings.json"), b"{").unwrap();
        assert_eq!(Layers::read(&user, Some(&project)).settings().output_lines, 7);
        atomic::write(&user.join("settings.json"), b"{").unwrap();
        let said = Layers::read(&user, Some(&project));
        assert_eq!(said.settings().output_lines, 7);
        assert!(matches!(said.user.content, Content::Unreadable(_)));
        // In the home folder the project's file is the user's own.
        let home = dir.path().join("home");
        assert!(Layers::read(&home.join(".claude"), Some(&home)).project.is_empty());
        assert_eq!(
            Layers::read(&home.join(".claude"), Some(&home)).settings(),
            Settings::default()
        );
    }
}

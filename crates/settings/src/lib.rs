//! The user's settings: the keys `sisyphus.…` in Claude Code's own `settings.json`.
//!
//! A key has two forms: `{"sisyphus": {"output_lines": 5}}` and `{"sisyphus.output_lines": 5}`. If a file has both, the
//! nested one is effective. A value that is missing, broken or of the wrong type counts as the default: a typing
//! mistake in one key must not cost a session its results. The settings of a project are read too, see [`layers`].

pub mod check;
mod excerpt;
mod group;
mod ignored;
pub mod keys;
pub mod layers;
mod program;

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::Value;

pub use excerpt::ClientKey;
pub use group::{Foreground, Group, is_group_name};
use keys::KEYS;
use layers::{Content, Layers};

/// Largest settings file that is read, in bytes.
pub const MAX_BYTES: u64 = 1024 * 1024;

const SECOND_MS: u64 = 1_000;
const MINUTE_MS: u64 = 60_000;

/// Whether something that the user may turn off is on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Switch {
    On,
    Off,
}

/// How many tasks may run at once, not counting services.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SlotLimit {
    Unlimited,
    AtMost(NonZeroUsize),
}

/// The user's values, or the defaults.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// `sisyphus.background_execution`, default true: whether commands are attached and recorded at all.
    pub execution: Switch,
    /// `sisyphus.max_background_tasks`, default 5; 0 is unlimited.
    pub max_background_tasks: SlotLimit,
    /// `sisyphus.model_concurrency`, default none: how many agents of a model may run at once; 0 is unlimited. The first
    /// 100 names of at most 200 characters whose value is a number.
    pub model_concurrency: Vec<(String, SlotLimit)>,
    /// `sisyphus.provider_concurrency`, the same for providers.
    pub provider_concurrency: Vec<(String, SlotLimit)>,
    /// `sisyphus.groups`, default none: background commands that share a limit of their own.
    pub groups: Vec<Group>,
    /// `sisyphus.task_ttl_minutes` in milliseconds: the time limit of a command whose call names none. Default 30
    /// minutes, at most 10,080 (a week). 0 is the default, because a limit of nothing would let no command run.
    pub task_ttl_ms: u64,
    /// `sisyphus.memory_limit_mb`, default none: how much memory the processes of a command may have together.
    pub memory_limit_mb: Option<u64>,
    /// `sisyphus.stale_minutes` in milliseconds: after how long without output a command counts as stuck. Default 0,
    /// which is never; at most 10,080 minutes.
    pub stale_ms: Option<u64>,
    /// `sisyphus.service_patterns`, default none: what the user adds to the built-in [services](sisyphus_service) and,
    /// with a `!` in front, removes from them. The first 200 that have 1 to 200 characters.
    pub service_patterns: Vec<String>,
    /// `sisyphus.keep_patterns`, default none: background commands that go on when their session ends.
    pub keep_patterns: Vec<String>,
    /// `sisyphus.output_lines`, default 20, at most 200: how many last lines of an output a reminder shows.
    pub output_lines: usize,
    /// `sisyphus.sleep_guard`, default true: whether a foreground call that only sleeps is denied while a background
    /// task of its session runs.
    pub sleep_guard: Switch,
    /// `sisyphus.deny_duplicates`, default false: whether a background command is denied while its equal runs.
    pub deny_duplicates: Switch,
    /// `sisyphus.ultrawork_keyword`, default true: whether the words `ultrawork` and `ulw` in a typed prompt request
    /// the skill of that name.
    pub ultrawork_keyword: Switch,
    /// `sisyphus.keep_agent_messages`, default true: whether the last message of a background agent is kept.
    pub keep_agent_messages: Switch,
    /// `sisyphus.mark_queued_agents`, default true: whether Claude Code's list of agents says which ones wait.
    pub mark_queued_agents: Switch,
    /// `sisyphus.band`, default true: whether tasks that run or wait are shown above Claude Code's prompt.
    pub band: Switch,
    /// `sisyphus.delegate_survives_exit`, default true: whether delegated sessions go on if the session that asked for
    /// them exits.
    pub delegate_survives_exit: Switch,
    /// `sisyphus.background_notifications`, or without the prefix, default true: whether people get desktop notifications
    /// of results.
    pub notifications: Switch,
    /// `sisyphus.notify_min_seconds` in milliseconds, default 10 seconds, at most a week: how long a command must have
    /// run for a notification of its success.
    pub notify_min_ms: u64,
    /// `sisyphus.on_complete`, default none: a program with its arguments that starts when a task has ended. Only the
    /// user's own settings name it.
    pub on_complete: Vec<String>,
    /// `sisyphus.delegate_bypass`, default false: whether a delegated session bypasses permissions if its caller does.
    pub delegate_bypass: Switch,
    /// `sisyphus.delegate_max_budget_usd`, default none: what a delegated session may cost at most, in dollars.
    pub delegate_max_budget_usd: Option<u64>,
    /// `sisyphus.delegate_depth`, default 1, at most 3: how many delegated sessions may be above one another.
    pub delegate_depth: u32,
    /// `sandbox.enabled`, a setting of Claude Code's own, in any of the files: whether Claude Code may start commands
    /// in its sandbox.
    pub sandbox: Switch,
    /// `disableAllHooks`, a setting of Claude Code's own, in any of the files: whether Claude Code runs hooks at all.
    pub hooks: Switch,
}

impl Default for Settings {
    fn default() -> Self {
        let defaults = KEYS.iter().map(|key| (key.name, key.default()));
        Self::of(&defaults.collect(), Switch::Off, Switch::On)
    }
}

impl Settings {
    /// The user's settings, for work outside of any project; `None` if the file can't be read or is not JSON, for
    /// example while an editor writes it.
    pub fn read_whole(config_dir: &Path) -> Option<Self> {
        let layers = Layers::read(config_dir, None);
        match layers.user.content {
            Content::Unreadable(_) => None,
            Content::Missing | Content::Read(_) => Some(layers.settings()),
        }
    }

    /// The user's settings, narrowed by those of the project in this folder.
    pub fn read_in(config_dir: &Path, project: Option<&Path>) -> Self {
        Layers::read(config_dir, project).settings()
    }

    /// The settings with these values, one for each key. The [table of keys](keys) says which values are usable.
    fn of(values: &BTreeMap<&'static str, Value>, sandbox: Switch, hooks: Switch) -> Self {
        let number = |key| values.get(key).and_then(Value::as_u64).unwrap_or_default();
        let switch = |key| match values.get(key) {
            Some(Value::Bool(false)) => Switch::Off,
            Some(_) | None => Switch::On,
        };
        let limits = |key| {
            let entries = values.get(key).and_then(Value::as_object).into_iter().flatten();
            let limit = |(name, number): (&String, &Value)| {
                (name.clone(), slot_limit(number.as_u64().unwrap_or_default()))
            };
            entries.map(limit).collect()
        };
        let texts = |key| {
            let list = values.get(key).and_then(Value::as_array).into_iter().flatten();
            list.filter_map(Value::as_str).map(str::to_owned).collect()
        };
        let stale_minutes = number("stale_minutes");
        Self {
            execution: switch("background_execution"),
            max_background_tasks: slot_limit(number("max_background_tasks")),
            model_concurrency: limits("model_concurrency"),
            provider_concurrency: limits("provider_concurrency"),
            groups: values.get("groups").map(group::groups).unwrap_or_default(),
            task_ttl_ms: number("task_ttl_minutes") * MINUTE_MS,
            memory_limit_mb: Some(number("memory_limit_mb")).filter(|it| *it > 0),
            stale_ms: (stale_minutes > 0).then_some(stale_minutes * MINUTE_MS),
            service_patterns: texts("service_patterns"),
            keep_patterns: texts("keep_patterns"),
            output_lines: saturating(number("output_lines")),
            sleep_guard: switch("sleep_guard"),
            deny_duplicates: switch("deny_duplicates"),
            ultrawork_keyword: switch("ultrawork_keyword"),
            keep_agent_messages: switch("keep_agent_messages"),
            mark_queued_agents: switch("mark_queued_agents"),
            band: switch("band"),
            delegate_survives_exit: switch("delegate_survives_exit"),
            notifications: switch("background_notifications"),
            notify_min_ms: number("notify_min_seconds") * SECOND_MS,
            on_complete: texts("on_complete"),
            delegate_bypass: switch("delegate_bypass"),
            delegate_max_budget_usd: Some(number("delegate_max_budget_usd")).filter(|it| *it > 0),
            delegate_depth: u32::try_from(number("delegate_depth")).unwrap_or(1),
            sandbox,
            hooks,
        }
    }
}

fn slot_limit(number: u64) -> SlotLimit {
    NonZeroUsize::new(saturating(number)).map_or(SlotLimit::Unlimited, SlotLimit::AtMost)
}

fn saturating(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// The settings of a user with this file.
    pub(super) fn settings_of(file: &Value) -> Settings {
        let user = layers::File { path: "/user".into(), content: Content::Read(file.clone()) };
        Layers { user, project: Vec::new() }.settings()
    }

    fn at_most(slots: usize) -> SlotLimit {
        SlotLimit::AtMost(NonZeroUsize::new(slots).unwrap())
    }

    #[test]
    fn every_key_is_read_bounded_and_wrong_is_the_default() {
        let default = Settings::default;
        let hour = 3_600_000;
        let cases = [
            (json!({}), default()),
            (json!(null), default()),
            (json!([1]), default()),
            (json!({"background_execution": "no", "output_lines": -1}), default()),
            (json!({"background_execution": 0, "output_lines": "5"}), default()),
            (
                json!({"background_execution": false, "output_lines": 5, "other": 1}),
                Settings { execution: Switch::Off, output_lines: 5, ..default() },
            ),
            (json!({"output_lines": 100_000}), Settings { output_lines: 200, ..default() }),
            (json!({"output_lines": u64::MAX}), Settings { output_lines: 200, ..default() }),
            (
                json!({"max_background_tasks": 0}),
                Settings { max_background_tasks: SlotLimit::Unlimited, ..default() },
            ),
            (
                json!({"max_background_tasks": 12}),
                Settings { max_background_tasks: at_most(12), ..default() },
            ),
            (json!({"max_background_tasks": -1}), default()),
            (json!({"max_background_tasks": "12"}), default()),
            (json!({"max_background_tasks": 2.5}), default()),
            (json!({"max_background_tasks": true}), default()),
            (json!({"task_ttl_minutes": 60}), Settings { task_ttl_ms: hour, ..default() }),
            (json!({"task_ttl_minutes": 0}), default()),
            (json!({"task_ttl_minutes": -5}), default()),
            (
                json!({"task_ttl_minutes": u64::MAX}),
                Settings { task_ttl_ms: 7 * 24 * hour, ..default() },
            ),
            (json!({"stale_minutes": 60}), Settings { stale_ms: Some(hour), ..default() }),
            (json!({"stale_minutes": 0}), default()),
            (json!({"stale_minutes": [1]}), default()),
            (json!({"sleep_guard": false}), Settings { sleep_guard: Switch::Off, ..default() }),
            (json!({"sleep_guard": "false"}), default()),
            (
                json!({"ultrawork_keyword": false, "sleep_guard": true}),
                Settings { ultrawork_keyword: Switch::Off, ..default() },
            ),
            (json!({"ultrawork_keyword": 0}), default()),
            (json!({"notify_min_seconds": 0}), Settings { notify_min_ms: 0, ..default() }),
            (
                json!({"notify_min_seconds": u64::MAX}),
                Settings { notify_min_ms: 7 * 24 * hour, ..default() },
            ),
            (
                json!({"stale_minutes": 10_081}),
                Settings { stale_ms: Some(7 * 24 * hour), ..default() },
            ),
        ];
        for (section, expected) in cases {
            assert_eq!(settings_of(&json!({ "sisyphus": section })), expected, "{section}");
        }
        assert_eq!(default().max_background_tasks, at_most(5));
        assert_eq!(default().task_ttl_ms, hour / 2);
    }

    /// `Layers::settings` also reads a key with a dot. A nested key goes before it.
    #[test]
    fn a_nested_key_goes_before_one_with_a_dot() {
        let off = Settings { execution: Switch::Off, ..Settings::default() };
        let silent = Settings { notifications: Switch::Off, ..Settings::default() };
        let cases = [
            (json!({"sisyphus.background_execution": false}), off.clone()),
            (
                json!({"sisyphus.background_execution": false, "sisyphus": {"output_lines": 20}}),
                off.clone(),
            ),
            (
                json!({"sisyphus.background_execution": false, "sisyphus": {"background_execution": null}}),
                off.clone(),
            ),
            (json!({"sisyphus.background_execution": false, "sisyphus": "odd"}), off.clone()),
            (
                json!({"sisyphus.background_execution": true, "sisyphus": {"background_execution": false}}),
                off,
            ),
            (
                json!({"sisyphus.background_execution": false, "sisyphus": {"background_execution": true}}),
                Settings::default(),
            ),
            (json!({"background_execution": false}), Settings::default()),
            (json!({"background_notifications": false}), silent.clone()),
            (json!({"sisyphus.background_notifications": false}), silent),
            (
                json!({"background_notifications": false, "sisyphus": {"background_notifications": true}}),
                Settings::default(),
            ),
            (json!({"background_notifications": "false"}), Settings::default()),
            (json!({"notify_min_seconds": 0}), Settings::default()),
            (json!({"sisyphus": {"sisyphus.background_execution": false}}), Settings::default()),
        ];
        for (file, expected) in cases {
            assert_eq!(settings_of(&file), expected, "{file}");
        }
    }

    /// `Layers::settings` reads the options that Claude Code keeps of the plugin. Every key of ours goes before them.
    #[test]
    fn options_of_the_plugin_count_least() {
        let options =
            json!({ "options": { "output_lines": 7, "background_notifications": false } });
        for copy in ["sisyphus@skills-dir", "sisyphus@market"] {
            let file = json!({ "pluginConfigs": { "other@market": {}, (copy): options } });
            let read = settings_of(&file);
            assert_eq!((read.output_lines, read.notifications), (7, Switch::Off), "{copy}");
            for key in ["sisyphus.output_lines", "sisyphus"] {
                let mut file = file.clone();
                file[key] = if key == "sisyphus" { json!({ "output_lines": 9 }) } else { json!(9) };
                assert_eq!(settings_of(&file).output_lines, 9, "{copy}, {key}");
            }
        }
        let all = json!({ "sisyphus@market": { "options": { "output_lines": 9 } }, "sisyphus@skills-dir": options });
        assert_eq!(
            settings_of(&json!({ "pluginConfigs": all })).output_lines,
            7,
            "a left-over one"
        );
        let odd = json!({ "options": { "output_lines": "7" } });
        for all in
            [json!({ "sisyphusx@market": options }), json!({ "sisyphus@market": odd }), json!([])]
        {
            assert_eq!(settings_of(&json!({ "pluginConfigs": all })), Settings::default(), "{all}");
        }
    }

    /// `Layers::settings` keeps those limits for models and providers that it can use.
    #[test]
    fn limits_of_another_tool_count_where_ours_are_not_set() {
        let other = json!({
            "defaultConcurrency": 3, "modelConcurrency": { "opus": 1 },
            "providerConcurrency": { "anthropic": 2 }, "staleTimeoutMs": 1,
        });
        let read = settings_of(&json!({ "background_task": other.clone() }));
        assert_eq!(read.max_background_tasks, at_most(3));
        assert_eq!(read.model_concurrency, [("opus".to_owned(), at_most(1))]);
        assert_eq!(read.provider_concurrency, [("anthropic".to_owned(), at_most(2))]);
        let ours = json!({ "background_task": other, "sisyphus.max_background_tasks": 7 });
        assert_eq!(settings_of(&ours).max_background_tasks, at_most(7));
        assert_eq!(settings_of(&json!({ "background_task": [] })), Settings::default());
    }

    #[test]
    fn usable_limits_of_models_are_kept() {
        let read = |value: Value| {
            let settings = settings_of(&json!({ "sisyphus.model_concurrency": value.clone(),
                                                 "sisyphus": { "provider_concurrency": value } }));
            assert_eq!(settings.model_concurrency, settings.provider_concurrency);
            settings.model_concurrency
        };
        let two = || ("opus".to_owned(), at_most(2));
        let none: Vec<(String, SlotLimit)> = Vec::new();
        let unlimited = ("a/b".to_owned(), SlotLimit::Unlimited);
        assert_eq!(read(json!({ "opus": 2, "a/b": 0 })), [unlimited, two()]);
        let odd = json!({ "opus": 2, "x": "2", "y": -1, "z": 1.5, "n": null, "x".repeat(201): 1 });
        assert_eq!(read(odd), [two()]);
        for wrong in [json!([2]), json!("opus"), json!(2), json!(null)] {
            assert_eq!(read(wrong), none);
        }
        let many: Value = (0..300)
            .map(|number| (format!("m{number}"), json!(1)))
            .collect::<serde_json::Map<_, _>>()
            .into();
        assert_eq!(read(many).len(), 100);
    }

    #[test]
    fn of_the_patterns_those_that_can_be_used_are_kept() {
        let read = |value: Value| {
            settings_of(&json!({ "sisyphus.service_patterns": value })).service_patterns
        };
        let long = "ä".repeat(200);
        let longer = "x".repeat(201);
        assert_eq!(read(json!(["a b", 1, "", "  ", null, " c ", [], longer])), ["a b", "c"]);
        assert_eq!(read(json!([long])), [long]);
        assert_eq!(read(json!("npm start")), Vec::<String>::new());
        let many: Vec<String> = (0..300).map(|number| format!("p{number}")).collect();
        assert_eq!(read(json!(many)), many[..200]);
    }
}

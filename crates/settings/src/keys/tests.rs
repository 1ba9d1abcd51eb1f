//! The table of keys is what is read, and every key is in it.

use serde_json::json;

use super::super::Settings;
use super::super::tests::settings_of;
use super::*;

#[test]
fn the_table_is_what_is_read() {
    let read = |name: &str, value: &Value| settings_of(&json!({ (SECTION): { (name): value } }));
    for key in KEYS {
        assert_eq!(read(key.name, &key.default()), Settings::default(), "{}", key.name);
        let (other, wrong) = match key.kind {
            Kind::Switch => (json!(false), json!("false")),
            Kind::Consent => (json!(true), json!("true")),
            Kind::Number { .. } => (json!(3), json!(-3)),
            Kind::Patterns { .. } => (json!(["a b"]), json!("a b")),
            Kind::Limits { .. } => (json!({ "opus": 2 }), json!([2])),
            Kind::Groups { .. } => (json!({ "build": { "patterns": ["make"] } }), json!(["make"])),
            Kind::Program { .. } => (json!(["tell", "me"]), json!("tell")),
        };
        assert_ne!(read(key.name, &other), Settings::default(), "{}", key.name);
        assert!(key.usable(&other).is_some(), "{}", key.name);
        assert!(key.usable(&key.default()).is_some(), "{}", key.name);
        assert_eq!(read(key.name, &wrong), Settings::default(), "{}", key.name);
        assert!(key.usable(&wrong).is_none(), "{}", key.name);
        // What is said to count is what counts.
        for value in [
            json!(0),
            json!(1_000_000),
            json!(["", " a ", 1]),
            json!({ "a": 1, "b": "2" }),
            json!({ "a": { "patterns": [" x ", 1, ""], "limit": 2 }, "B": { "patterns": ["x"] } }),
            json!(true),
        ] {
            if let Some(usable) = key.usable(&value) {
                assert_eq!(read(key.name, &usable), read(key.name, &value), "{}", key.name);
            }
        }
    }
}

#[test]
fn every_field_of_the_settings_has_a_key() {
    // A field that is added makes this line fail to compile.
    let Settings {
        execution: _,
        max_background_tasks: _,
        model_concurrency: _,
        provider_concurrency: _,
        groups: _,
        task_ttl_ms: _,
        memory_limit_mb: _,
        stale_ms: _,
        service_patterns: _,
        keep_patterns: _,
        output_lines: _,
        sleep_guard: _,
        deny_duplicates: _,
        ultrawork_keyword: _,
        keep_agent_messages: _,
        mark_queued_agents: _,
        band: _,
        delegate_survives_exit: _,
        notifications: _,
        notify_min_ms: _,
        on_complete: _,
        delegate_bypass: _,
        delegate_max_budget_usd: _,
        delegate_depth: _,
        // Claude Code's own settings.
        sandbox: _,
        hooks: _,
    } = Settings::default();
    assert_eq!(KEYS.len(), 24);
}

#[test]
fn a_limit_is_applied_to_what_is_used() {
    let usable = |name: &str, value: Value| Key::named(name).unwrap().usable(&value).unwrap();
    assert_eq!(usable("output_lines", json!(500)), 200);
    assert_eq!(usable("task_ttl_minutes", json!(0)), 30);
    assert_eq!(usable("memory_limit_mb", json!(15)), 16);
    assert_eq!(usable("memory_limit_mb", json!(0)), 0);
    assert_eq!(usable("stale_minutes", json!(0)), 0);
    // As JSON has it, without a limit of digits.
    let beyond: Value = serde_json::from_str("99999999999999999999999").unwrap();
    assert_eq!(usable("max_background_tasks", beyond), u64::MAX);
    assert_eq!(usable("service_patterns", json!([" a ", "", 3])), json!(["a"]));
}

/// Each option of `plugin.json` is a key of ours, with its default and its bounds, and none must be set.
#[test]
fn the_plugins_options_are_keys() {
    let manifest: Value = serde_json::from_str(include_str!("../../../../plugin.json")).unwrap();
    let options = manifest["userConfig"].as_object().unwrap();
    assert_eq!(options.len(), 5);
    for (name, option) in options {
        let key = Key::named(name).unwrap_or_else(|| panic!("{name}"));
        assert_eq!(option["default"], key.default(), "{name}");
        assert!(option.get("required").is_none(), "{name}");
        let is_number = matches!(key.kind, Kind::Number { .. });
        assert_eq!(option["type"], if is_number { "number" } else { "boolean" }, "{name}");
        if let Kind::Number { max: Some(max), .. } = key.kind {
            assert!(option["max"].as_u64().is_none_or(|it| it == max), "{name}");
        }
    }
}

//! `sisyphus doctor`: which copy of the plugin Claude Code loads, the installer's or a marketplace's, and whether it is
//! on.

use std::fs;

use serde_json::{Value, json};
use sisyphus_testing::TestEnv;

use crate::doctor::{assert_found, findings, healthy};

const OF_MARKET: &str = "sisyphus@sisyphus";
const OF_SKILLS: &str = "sisyphus@skills-dir";
const FINE: &str = "no settings file switches the plugin or hooks off";

/// Notes in Claude Code's list that it has installed plugins of these names.
fn installed(env: &TestEnv, names: &[&str]) {
    let plugins: serde_json::Map<String, Value> =
        names.iter().map(|name| ((*name).to_owned(), json!([{ "scope": "user" }]))).collect();
    put(env, "plugins/installed_plugins.json", &json!({ "version": 2, "plugins": plugins }));
}

/// Has the user's settings say something of plugins.
fn user_says(env: &TestEnv, plugins: &Value) {
    put(env, "settings.json", &json!({ "enabledPlugins": plugins }));
}

/// Has the project's settings say something of plugins.
fn project_says(env: &TestEnv, plugins: &Value) {
    let file = env.project().join(".claude/settings.local.json");
    fs::create_dir_all(file.parent().unwrap()).unwrap();
    fs::write(file, json!({ "enabledPlugins": plugins }).to_string()).unwrap();
}

fn put(env: &TestEnv, name: &str, content: &Value) {
    let path = env.home().join(".claude").join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, content.to_string()).unwrap();
}

/// What one part says, if it says one thing.
#[track_caller]
fn only(env: &TestEnv, part: &str) -> String {
    let all = findings(env);
    let mut of_part = all.iter().filter(|line| line.starts_with(&format!("{part} ")));
    let first = of_part.next().unwrap().clone();
    assert_eq!(of_part.next(), None, "{all:#?}");
    first
}

#[test]
fn a_copy_of_a_marketplace_that_is_on_is_fine() {
    let env = TestEnv::new();
    installed(&env, &[OF_MARKET]);
    user_says(&env, &json!({ OF_MARKET: true }));
    assert_found(
        &env,
        "plugin",
        "note",
        "comes from a marketplace: sisyphus@sisyphus",
        "plugin list",
    );
    assert!(only(&env, "enabled").contains(FINE));
    // The project has the last word, the other way round too.
    project_says(&env, &json!({ OF_MARKET: false }));
    assert!(only(&env, "enabled").contains("settings.local.json`"));
    user_says(&env, &json!({ OF_MARKET: false }));
    project_says(&env, &json!({ OF_MARKET: true }));
    assert!(only(&env, "enabled").contains(FINE));
}

/// `sisyphus doctor` finds that a marketplace copy is switched off or not installed, and names the file that says so.
#[test]
fn a_disabled_marketplace_copy_is_found() {
    let env = TestEnv::new();
    // Without Claude Code's list, `doctor` decides by the settings.
    for list in [None, Some([OF_MARKET])] {
        list.inspect(|names| installed(&env, names));
        // For Claude Code only `true` switches a plugin on.
        for value in [json!(false), json!(["0.1.0"]), json!(null)] {
            user_says(&env, &json!({ OF_MARKET: value }));
            let said = only(&env, "enabled");
            for part in [
                "enabled broken `",
                ".claude/settings.json` switches the plugin `sisyphus@sisyphus` off → ",
                "set `sisyphus@sisyphus` to `true` in `enabledPlugins` of that file",
            ] {
                assert!(said.contains(part), "{value}: {part}: {said}");
            }
            let all = findings(&env);
            assert!(!all.iter().any(|line| line.contains("not installed")), "{all:#?}");
        }
    }
    user_says(&env, &json!({}));
    assert_found(
        &env,
        "enabled",
        "broken",
        "no settings file switches it on",
        "plugin enable sisyphus@",
    );
    installed(&env, &[]);
    user_says(&env, &json!({ OF_MARKET: true }));
    assert_found(&env, "plugin", "broken", "the plugin is not installed", "install.sh");
}

/// Of two copies, `sisyphus doctor` takes the marketplace copy if it is installed and a settings file names it. As the
/// client does it, which was tried.
#[test]
fn a_named_marketplace_copy_goes_first() {
    let env = healthy();
    installed(&env, &[OF_MARKET]);
    assert!(only(&env, "enabled").contains(FINE));
    user_says(&env, &json!({ OF_SKILLS: false }));
    assert_found(
        &env,
        "enabled",
        "broken",
        "switches the plugin off",
        "remove `sisyphus@skills-dir`",
    );
    user_says(&env, &json!({ OF_MARKET: true, OF_SKILLS: false }));
    let said = only(&env, "enabled");
    assert!(said.starts_with("enabled note Claude Code uses `sisyphus@sisyphus`"), "{said}");
    user_says(&env, &json!({ OF_MARKET: false, OF_SKILLS: true }));
    let said = only(&env, "enabled");
    assert!(said.contains("does not load the copy in the skills folder"), "{said}");
    assert!(said.ends_with("or run `claude plugin uninstall sisyphus@sisyphus`"), "{said}");
    // Named, but not installed here, as where settings are shared between machines.
    for forget in [
        |env: &TestEnv| installed(env, &[]),
        |env: &TestEnv| {
            fs::remove_file(env.home().join(".claude/plugins/installed_plugins.json")).unwrap();
        },
    ] {
        forget(&env);
        for value in [true, false] {
            user_says(&env, &json!({ OF_MARKET: value }));
            assert!(only(&env, "enabled").contains(FINE), "{value}");
        }
    }
}

#[test]
fn hostile_names_are_passed_over_and_few_are_told() {
    let env = TestEnv::new();
    let mut plugins = json!({ "sisyphus@a; rm -rf ~": false, "sisyphus@\u{1b}[2J": false });
    plugins[format!("sisyphus@{}", "x".repeat(1_000))] = false.into();
    project_says(&env, &plugins);
    assert!(only(&env, "enabled").contains(FINE));
    assert_found(&env, "plugin", "broken", "the plugin is not installed", "install.sh");
    for number in 0..1_000 {
        plugins[format!("sisyphus@{number}")] = false.into();
    }
    project_says(&env, &plugins);
    let all = findings(&env);
    assert_eq!(all.iter().filter(|line| line.starts_with("enabled ")).count(), 5);
    assert!(all.iter().all(|line| line.len() < 1_000), "{all:#?}");
    put(&env, "plugins/installed_plugins.json", &json!([1]));
    findings(&env);
}

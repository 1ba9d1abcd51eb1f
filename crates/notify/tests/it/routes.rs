//! Where there is no desktop.

use std::time::{Duration, Instant};

use sisyphus_base::paths::StateDir;
use sisyphus_state::store::Store;
use sisyphus_testing::TestEnv;

use crate::bus::{Bus, Recorder};
use crate::stage::{FAILED, end, run};

/// Runs a notifier where a task has failed. Returns what is left for the terminal.
fn left(env: &TestEnv) -> Vec<String> {
    let store = Store::new(StateDir::at(env.state()));
    run(&store, env, &["a", "other"]);
    end(&store, "a", FAILED, 1);
    let begin = Instant::now();
    let output = env.run("sisyphus-notify", &[]);
    assert_eq!((output.code, output.stdout.as_str(), output.stderr.as_str()), (Some(0), "", ""));
    assert!(begin.elapsed() < Duration::from_secs(2), "{:?}", begin.elapsed());
    assert!(!env.state().join("notify.json").exists());
    assert!(!env.state().join("hooks.log").exists());
    let lines = env.state_file("terminal.json")["waiting"].as_array().cloned().unwrap_or_default();
    lines.iter().map(|it| format!("{} {} | {}", it["session"], it["title"], it["body"])).collect()
}

const LEFT: &str = "\"s1\" \"✖ a failed with exit code 3 · proj\" | \"After 0 s\"";

#[test]
fn without_a_bus_it_is_quick_and_quiet() {
    assert_eq!(left(&TestEnv::new()), [LEFT]);
}

#[test]
fn a_bus_without_a_daemon_is_none_either() {
    let env = TestEnv::new();
    let _bus = Bus::start(&env);
    assert_eq!(left(&env), [LEFT]);
}

#[test]
fn without_a_state_folder_it_makes_none() {
    let env = TestEnv::new();
    let output = env.run("sisyphus-notify", &[]);
    assert_eq!((output.code, output.stderr.as_str()), (Some(0), ""));
    assert!(!env.state().exists());
}

#[test]
fn it_says_which_desktop_there_is() {
    let env = TestEnv::new();
    let output = env.run("sisyphus-notify", &["probe"]);
    assert_eq!(output.code, Some(1));
    assert!(output.stdout.starts_with("could not ask the desktop"), "{output:?}");
    let _bus = Bus::start(&env);
    let desktop = Recorder::start(&env, &[]);
    let output = env.run("sisyphus-notify", &["probe"]);
    assert_eq!((output.code, output.stdout.as_str()), (Some(0), "Recorder 1 (D-Bus)\n"));
    assert!(desktop.calls().is_empty());
    let output = env.run("sisyphus-notify", &["test"]);
    assert_eq!((output.code, output.stdout.as_str()), (Some(0), "Recorder 1 (D-Bus)\n"));
    assert_eq!(desktop.calls()[0].title, "✔ this is a test · Sisyphus");
}

/// The notifier sets notes that it can't read aside, and does not try them again.
#[test]
fn unreadable_notes_are_set_aside() {
    let env = TestEnv::new();
    std::fs::create_dir_all(env.state()).unwrap();
    std::fs::write(env.state().join("notify.json"), "{ \"version\": 1, \"ended\": [tr").unwrap();
    let output = env.run("sisyphus-notify", &[]);
    assert_eq!((output.code, output.stderr.as_str()), (Some(0), ""));
    assert!(!env.state().join("notify.json").exists());
    let names = std::fs::read_dir(env.state()).unwrap().map(|entry| entry.unwrap().file_name());
    let names: Vec<String> = names.map(|name| name.into_string().unwrap()).collect();
    let aside = names.iter().filter(|name| name.starts_with("notify.json.corrupt-"));
    assert_eq!(aside.count(), 2, "{names:?}");
}

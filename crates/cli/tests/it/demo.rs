//! `sisyphus demo`: the installer's self-check.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use sisyphus_testing::{Output, TestEnv, env, processes, wait_until};

use crate::planted::tree;

const HOOKS: [&str; 6] =
    ["run", "session-start", "user-prompt-submit", "pre-tool-use", "post-tool-use", "stop"];

/// A plugin of its own, so that binaries can be missing.
struct Plugin {
    env: TestEnv,
}

impl Plugin {
    fn new() -> Self {
        let plugin = Self { env: TestEnv::new() };
        plugin.provide("sisyphus", &plugin.command_line());
        for name in HOOKS {
            plugin.provide(&format!("sisyphus-{name}"), &plugin.hook(name));
        }
        plugin
    }

    fn provide(&self, name: &str, target: &Path) {
        fs::create_dir_all(target.parent().unwrap()).unwrap();
        fs::copy(self.env.command(name).get_program(), target).unwrap();
    }

    fn command_line(&self) -> PathBuf {
        self.env.path().join("plugin/bin/sisyphus")
    }

    fn hook(&self, name: &str) -> PathBuf {
        self.env.path().join("plugin/hooks/bin").join(format!("sisyphus-{name}"))
    }

    fn demo(&self) -> Output {
        let mut command = Command::new(self.command_line());
        self.env.apply(&mut command);
        command.arg("demo").env("TMPDIR", self.env.tmp());
        env::run(command, b"")
    }

    /// Waits for the end of what was started here: it may write something yet.
    fn wait_for_quiet(&self) {
        let is_ours = |process: &processes::Process| {
            process.program().is_some_and(|program| program.starts_with(self.env.path()))
        };
        wait_until("the end of what the demo started", || !processes::all().iter().any(is_ours));
    }
}

impl Drop for Plugin {
    fn drop(&mut self) {
        processes::kill_all_of_home(&self.env.home());
    }
}

#[test]
fn passes_and_leaves_nothing_behind() {
    let plugin = Plugin::new();
    let before = tree(plugin.env.path());
    let output = plugin.demo();
    assert_eq!((output.code, output.stderr.as_str()), (Some(0), ""), "{output:?}");
    for expected in ["failed with exit code 3 after", "| 47 passed, 3 failed", "auth/login.test"] {
        assert!(output.stdout.contains(expected), "{output:?}");
    }
    plugin.wait_for_quiet();
    assert_eq!(tree(plugin.env.path()), before);
}

#[test]
fn follows_the_link_that_it_was_called_by() {
    let plugin = Plugin::new();
    let link = plugin.env.path().join("sisyphus");
    std::os::unix::fs::symlink(plugin.command_line(), &link).unwrap();
    let mut command = Command::new(link);
    plugin.env.apply(&mut command);
    command.arg("demo").env("TMPDIR", plugin.env.tmp());
    assert_eq!(env::run(command, b"").code, Some(0));
}

#[test]
fn does_not_look_at_the_users_own_settings() {
    let plugin = Plugin::new();
    let config = plugin.env.home().join(".claude");
    fs::create_dir_all(&config).unwrap();
    let off = r#"{ "sisyphus": { "background_execution": false } }"#;
    fs::write(config.join("settings.json"), off).unwrap();
    let output = plugin.demo();
    assert_eq!(output.code, Some(0), "{output:?}");
    assert!(!plugin.env.state().exists());
}

fn assert_fails_without(missing: &str, expected: &str) {
    let plugin = Plugin::new();
    fs::remove_file(plugin.hook(missing)).unwrap();
    let before = tree(plugin.env.path());
    let output = plugin.demo();
    assert_eq!(output.code, Some(1), "{output:?}");
    assert!(output.stderr.starts_with("sisyphus: "), "{output:?}");
    assert!(output.stderr.contains(expected), "{output:?}");
    assert_eq!(output.stderr.lines().count(), 1, "{output:?}");
    plugin.wait_for_quiet();
    assert_eq!(tree(plugin.env.path()), before);
}

#[test]
fn fails_without_any_trace_of_the_hooks() {
    assert_fails_without("stop", "the hook binaries are not there: run install.sh again");
}

#[test]
fn fails_without_the_hook_that_attaches() {
    assert_fails_without("session-start", "sisyphus-session-start`");
}

#[test]
fn fails_without_the_runner() {
    assert_fails_without("run", "the session was not attached");
}

#[test]
fn fails_without_a_hook_that_is_called_while_the_command_runs() {
    assert_fails_without("post-tool-use", "sisyphus-post-tool-use`");
}

#[test]
fn fails_without_the_hook_that_delivers() {
    assert_fails_without("user-prompt-submit", "sisyphus-user-prompt-submit`");
}

#[test]
fn never_runs_what_somebody_planted_in_the_temporary_folder() {
    let plugin = Plugin::new();
    let marker = plugin.env.path().join("marker");
    // Whoever guesses the process id, which `exec` keeps, can be there first.
    let script = r#"dir=$TMPDIR/sisyphus-demo-$$; mkdir -m 777 "$dir"; echo "touch $MARKER" >"$dir/env.sh"; exec "$0" demo"#;
    let mut command = Command::new("/bin/bash");
    plugin.env.apply(&mut command);
    command.args(["-c", script]).arg(plugin.command_line());
    command.env("TMPDIR", plugin.env.tmp()).env("MARKER", &marker);
    let _ = env::run(command, b"");
    assert!(!marker.exists());
}

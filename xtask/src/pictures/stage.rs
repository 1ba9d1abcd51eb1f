//! A home for a scene: the real hooks and runners make its state, and a terminal of tmux shows it.

use std::fs;
use std::path::PathBuf;

use anyhow::{Result, ensure};
use serde_json::json;
use sisyphus_testing::shell::Running;
use sisyphus_testing::{Client, Shell, TestEnv, Tmux, wait_for, wait_until};

use super::steady::Steady;

/// The size of all terminals.
pub(super) const COLUMNS: u16 = 100;
const ROWS: u16 = 26;

/// The path of the command line.
fn program(env: &TestEnv) -> PathBuf {
    env.command("sisyphus").get_program().into()
}

/// A session of Claude Code in which so many commands run at once.
pub(super) fn session(slots: usize) -> Client {
    let client = Client::new(Shell::Bash);
    client.env.set(&json!({ "max_background_tasks": slots }));
    client
}

/// Starts a command of the model, and waits until its record has this status.
pub(super) fn command(client: &Client, description: &str, line: &str, status: &str) -> Running {
    let running = client.background_with(line, json!({ "description": description }));
    wait_until(&format!("`{description}` to be {status}"), || {
        let tasks = client.tasks();
        let is_it = |task: &&serde_json::Value| task["client_id"] == running.id.as_str();
        tasks.iter().find(is_it).is_some_and(|task| task["status"] == status)
    });
    running
}

/// The screen after a command line of ours has succeeded.
pub(super) fn typed(env: &TestEnv, arguments: &str, steady: &Steady) -> Result<String> {
    let done = env.path().join("done");
    let line =
        format!("{} {arguments}; echo $? >{}; exec cat", program(env).display(), done.display());
    let tmux = Tmux::start(env, (COLUMNS, ROWS), &line);
    let code = wait_for("the end of the command line", || {
        fs::read_to_string(&done).ok().filter(|code| code.ends_with('\n'))
    });
    ensure!(code == "0\n", "`sisyphus {arguments}` ended with {}", code.trim_end());
    Ok(steady.applied(env, &tmux.coloured_screen()))
}

/// The dashboard, once its screen is as the scene wants it.
pub(super) fn dashboard(
    env: &TestEnv,
    keys: &[&str],
    is_ready: impl Fn(&str) -> bool,
    steady: &Steady,
) -> String {
    let tmux = Tmux::start(env, (COLUMNS, ROWS), &format!("exec {} top", program(env).display()));
    tmux.wait_for("queued");
    for key in keys {
        tmux.press(&[key]);
    }
    tmux.wait_until("the dashboard", is_ready);
    steady.applied(env, &tmux.coloured_screen())
}

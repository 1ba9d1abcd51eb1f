//! A home with a script in place of Claude Code, and the runners of its sessions.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::{Child, Stdio};

use serde_json::{Value, json};
use sisyphus_testing::{Process, TestEnv, wait_for, write_program};

/// A home with a script in place of Claude Code.
pub(crate) struct Stage {
    pub(crate) env: TestEnv,
    pub(crate) runners: Vec<Child>,
}

impl Drop for Stage {
    fn drop(&mut self) {
        for runner in &mut self.runners {
            let _ = runner.kill();
            let _ = runner.wait();
        }
    }
}

pub(crate) const INIT: &str =
    r#"echo '{"type":"system","subtype":"init","model":"claude-opus-5-5"}'"#;
pub(crate) const ANSWER: &str = r#"echo '{"type":"result","subtype":"success","is_error":false,"result":"it is 42","num_turns":2,"total_cost_usd":0.25}'"#;

impl Stage {
    /// `claude` is the body of a shell script.
    pub(crate) fn new(claude: &str) -> Self {
        let env = TestEnv::new();
        let stage = Self { env, runners: Vec::new() };
        let program = stage.bin().join("claude");
        fs::create_dir_all(stage.bin()).unwrap();
        write_program(&program, format!("#!/bin/bash\n{claude}\n"));
        stage
    }

    pub(crate) fn bin(&self) -> PathBuf {
        self.env.path().join("bin")
    }

    pub(crate) fn run_dir(&self, task: &str) -> PathBuf {
        self.env.state().join("runs/s1").join(task)
    }

    /// Writes the request for the session `task`, changed by `change`.
    pub(crate) fn ask(&self, task: &str, ticket: u64, change: impl FnOnce(&mut Value)) {
        let project = self.env.project();
        let mut request = json!({
            "task": {
                "id": task, "ticket": ticket, "session": "s1", "kind": "session", "cwd": project,
                "command": "", "description": task,
                "status": {"state": "pending", "announced_at": "2026-11-28T00:00:00Z"},
                "delegated": {
                    "conversation": format!("c-{task}"), "project": project, "prompt": "what is it?",
                    "prompt_length": 11, "depth": 1,
                    "asked_by": {"asked_by": "model", "mode": "acceptEdits"},
                },
            },
            "prompt": "what is it?\nTELL ME", "conversation": "new",
        });
        change(&mut request);
        let dir = self.run_dir(task);
        for folder in [self.env.state(), dir.clone()] {
            fs::create_dir_all(&folder).unwrap();
            fs::set_permissions(&folder, fs::Permissions::from_mode(0o700)).unwrap();
        }
        fs::write(dir.join("request.json"), request.to_string()).unwrap();
    }

    /// Starts its runner, and returns what the runner answers.
    pub(crate) fn start(&mut self, task: &str) -> String {
        use std::io::{BufRead as _, BufReader};
        let mut command = self.env.command("sisyphus-run");
        command.arg("session").arg(self.run_dir(task)).stdout(Stdio::piped());
        command.env("PATH", format!("{}:/usr/bin:/bin", self.bin().display()));
        command.env("CLAUDE_CODE_MESSAGING_TOKEN", "a secret").env("ANTHROPIC_API_KEY", "a key");
        let mut runner = command.spawn().unwrap();
        let mut line = String::new();
        BufReader::new(runner.stdout.take().unwrap()).read_line(&mut line).unwrap();
        self.runners.push(runner);
        line.trim_end().to_owned()
    }

    pub(crate) fn delegate(&mut self, task: &str, ticket: u64) {
        self.ask(task, ticket, |_| ());
        assert_eq!(self.start(task), "ok");
    }

    pub(crate) fn runner(&self) -> Process {
        Process::of(i32::try_from(self.runners.last().unwrap().id()).unwrap()).unwrap()
    }

    /// The record of a task, brought up to date.
    pub(crate) fn task(&self, task: &str) -> Value {
        let output = self.env.run("sisyphus", &["list", "--json"]);
        assert_eq!(output.code, Some(0), "{output:?}");
        let active = self.env.state_file("active.json");
        let files = ["completed.json", "failed.json"].map(|name| self.env.state_file(name));
        let all = [&active, &files[0], &files[1]];
        let mut all = all.into_iter().filter_map(|file| file["tasks"].as_array().cloned());
        all.find_map(|tasks| tasks.into_iter().find(|it| it["id"] == task)).unwrap_or_default()
    }

    pub(crate) fn ended(&self, task: &str) -> Value {
        wait_for("the end of a session", || {
            let task = self.task(task);
            (task["status"]["state"] == "finished").then_some(task)
        })
    }

    pub(crate) fn wait_for_file(&self, name: &str) -> String {
        let path = self.env.project().join(name);
        wait_for(name, || fs::read_to_string(&path).ok().filter(|text| text.ends_with('\n')))
    }
}

pub(crate) fn output(env: &TestEnv, task: &str) -> String {
    fs::read_to_string(env.state().join(format!("output/{task}.log"))).unwrap()
}

pub(crate) fn numbers(text: &str) -> Vec<i32> {
    text.split_whitespace().map(|pid| pid.parse().unwrap()).collect()
}

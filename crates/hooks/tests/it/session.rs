//! A conversation of Claude Code, as hooks see it: the events that Claude Code sends for what happens in it.

use std::fs::{self, File};
use std::path::PathBuf;
use std::time::Duration;

use serde_json::{Value, json};
use sisyphus_base::clock::Tick;
use sisyphus_base::lock::Lock;
use sisyphus_testing::{Output, TestEnv};

use crate::payload::{CLIENT_TMP, PROJECT, SESSION, payload, with};
use crate::start::{Started, binary_of, hook};

/// One conversation.
#[derive(Debug)]
pub(crate) struct Session<'a> {
    pub(crate) env: &'a TestEnv,
    pub(crate) id: String,
}

impl<'a> Session<'a> {
    /// The conversation that the payloads were recorded in.
    pub(crate) fn new(env: &'a TestEnv) -> Self {
        Self { env, id: SESSION.to_owned() }
    }

    /// Another one of the same user.
    pub(crate) fn other(env: &'a TestEnv) -> Self {
        Self { env, id: SESSION.replace("000000000001", "000000000009") }
    }

    /// The recorded event `name` as it would be in this conversation, on this machine.
    pub(crate) fn event(&self, name: &str) -> Value {
        let (project, tmp) = (self.env.project(), self.env.client_tmp());
        let replacements =
            [(SESSION, self.id.as_str()), (PROJECT, text(&project)), (CLIENT_TMP, text(&tmp))];
        payload(name, &replacements)
    }

    /// Starts the hook of this event.
    pub(crate) fn send(&self, event: &Value) -> Output {
        let name = event["hook_event_name"].as_str().expect("a name");
        hook(self.env, name, event.to_string().as_bytes())
    }

    /// Starts the hook of this event, and does not wait for its end.
    pub(crate) fn start(&self, event: &Value) -> Started {
        let name = event["hook_event_name"].as_str().expect("a name");
        Started::with(self.env.command(&binary_of(name)), event.to_string().as_bytes())
    }

    /// Starts the hook of an event that needs no answer.
    pub(crate) fn tell(&self, event: &Value) {
        assert_eq!(self.send(event).stdout, "", "{event}");
    }

    /// A person types something.
    pub(crate) fn types(&self) -> Output {
        self.send(&self.event("user-prompt-submit.typed"))
    }

    /// Claude Code submits a notice of its own.
    pub(crate) fn submits(&self, prompt: &str) -> Output {
        self.send(&self.submission(prompt))
    }

    /// The event of such a notice.
    pub(crate) fn submission(&self, prompt: &str) -> Value {
        with(self.event("user-prompt-submit.typed"), "/prompt", prompt)
    }

    /// A background call: its tool use is `toolu_NUMBER`, Claude Code's task is to be `bNUMBER`.
    pub(crate) fn call(&'a self, number: u32) -> Call<'a> {
        Call { session: self, number, agent: None, command: None }
    }

    /// The announced calls of this conversation: Claude Code has not answered them.
    pub(crate) fn announced(&self) -> Vec<Value> {
        let entries = fs::read_dir(self.announced_dir()).into_iter().flatten();
        let paths = entries.map(|entry| entry.expect("an entry").path());
        let mut calls: Vec<Value> = paths.map(|path| json_of(&path)).collect();
        calls.sort_by_key(|call| call["ticket"].as_u64());
        calls
    }

    /// The folder that exists while something is announced.
    pub(crate) fn announced_dir(&self) -> PathBuf {
        self.env.state().join("announced").join(&self.id)
    }

    /// The unfinished tasks of this conversation that Claude Code has confirmed.
    pub(crate) fn active(&self) -> Vec<Value> {
        let tasks = self.tasks("active.json").into_iter();
        tasks.filter(|task| task["status"]["state"] != "finished").collect()
    }

    /// The finished tasks of this conversation that did not complete, wherever they stand.
    pub(crate) fn failed(&self) -> Vec<Value> {
        let is_meant = |task: &Value| task["status"]["outcome"] != "completed";
        self.finished().into_iter().filter(is_meant).collect()
    }

    /// The finished tasks of this conversation in the order of their calls. One is in the history as soon as nothing
    /// will change it any more.
    pub(crate) fn finished(&self) -> Vec<Value> {
        let files = ["completed.json", "failed.json", "active.json"];
        let all = files.iter().flat_map(|file| self.tasks(file));
        let mut finished: Vec<Value> =
            all.filter(|task| task["status"]["state"] == "finished").collect();
        finished.sort_by_key(|task| task["ticket"].as_u64());
        finished
    }

    /// The finished tasks of this conversation whose result no reader has.
    pub(crate) fn owed(&self) -> Vec<Value> {
        let is_open = |task: &Value| {
            let delivery = &task["delivery"]["state"];
            delivery == "owed" || delivery == "leased"
        };
        self.tasks("active.json").into_iter().filter(is_open).collect()
    }

    fn tasks(&self, file: &str) -> Vec<Value> {
        let state = self.env.state_file(file);
        let tasks = state["tasks"].as_array().cloned().unwrap_or_default();
        tasks.into_iter().filter(|task| task["session"] == self.id.as_str()).collect()
    }

    /// Puts a finished task among what is owed, ended `seconds` ago: what a runner leaves, without the runner.
    pub(crate) fn owe(&self, number: u32, agent: Option<&str>, seconds: i64) {
        let ended_at = chrono::Utc::now() - chrono::Duration::seconds(seconds);
        let mut task = json!({
            "id": format!("t{number}"), "ticket": number, "session": self.id,
            "client": { "id": format!("b{number}") },
            "cwd": self.env.project(), "command": "npm test", "description": "the tests",
            "status": {
                "state": "finished", "outcome": "failed", "exit_code": 3, "ended_at": ended_at,
                "reported_by": "runner",
            },
            "delivery": { "state": "owed", "since": tick_before(seconds), "attempt": "first" },
        });
        if let Some(agent) = agent {
            task["agent"] = agent.into();
        }
        self.put(&[task]);
    }

    /// Changes the state by hand while hooks may change it too.
    pub(crate) fn edits(&self, change: impl FnOnce(&mut Value)) {
        let _lock = self.holds_the_lock();
        self.env.edit_state("active.json", change);
    }

    /// Takes the lock of the state, until it is dropped.
    pub(crate) fn holds_the_lock(&self) -> Lock {
        fs::create_dir_all(self.env.state()).expect("the state folder");
        let path = self.env.state().join("state.lock");
        Lock::acquire(&path, Duration::from_secs(10)).expect("the lock")
    }

    /// As if the prompts that results went out with had been a while ago.
    pub(crate) fn time_goes_by(&self) {
        self.seconds_go_by(5);
    }

    /// As if those prompts had been so many seconds ago.
    pub(crate) fn seconds_go_by(&self, seconds: i64) {
        let before = json!(chrono::Utc::now() - chrono::Duration::seconds(seconds));
        self.env.edit_state("active.json", |active| {
            for task in active["tasks"].as_array_mut().expect("tasks") {
                if task["delivery"]["state"] == "sent" {
                    task["delivery"]["at"] = before.clone();
                }
            }
        });
        // An acknowledgement that the next commit applies.
        for posted in fs::read_dir(self.env.state().join("inbox")).into_iter().flatten() {
            let path = posted.expect("an event").path();
            let mut event = json_of(&path);
            if event["event"] == "printed" {
                event["at"] = before.clone();
                fs::write(&path, event.to_string()).expect("the event");
            }
        }
    }

    /// Puts records into the state, in the place of those of the same ids.
    pub(crate) fn put(&self, records: &[Value]) {
        fs::create_dir_all(self.env.state()).expect("the state folder");
        self.env.edit_state("active.json", |active| {
            if active.is_null() {
                *active = json!({ "version": 2, "tasks": [] });
            }
            let tasks = active["tasks"].as_array_mut().expect("tasks");
            tasks.retain(|task| records.iter().all(|record| record["id"] != task["id"]));
            tasks.extend_from_slice(records);
            tasks.sort_by_key(|task| task["ticket"].as_u64());
        });
    }
}

/// The moment so many seconds ago, by the clock that no person sets.
pub(crate) fn tick_before(seconds: i64) -> u64 {
    let before = u64::try_from(seconds).expect("a moment in the past") * 1_000_000_000;
    Tick::now().0.saturating_sub(before)
}

fn json_of(path: &std::path::Path) -> Value {
    serde_json::from_slice(&fs::read(path).expect("a file")).expect("JSON")
}

/// One call of Bash with `run_in_background`.
#[derive(Debug)]
pub(crate) struct Call<'a> {
    session: &'a Session<'a>,
    number: u32,
    agent: Option<&'a str>,
    command: Option<&'a str>,
}

impl<'a> Call<'a> {
    /// The same call, made by a subagent.
    pub(crate) fn of_agent(self, agent: &'a str) -> Self {
        Self { agent: Some(agent), ..self }
    }

    /// The same call with another command. Beside an equal one, PostToolUse says that it runs.
    pub(crate) fn of_command(self, command: &'a str) -> Self {
        Self { command: Some(command), ..self }
    }

    /// PreToolUse of the call.
    pub(crate) fn before(&self) -> Value {
        self.tool_event("pre-tool-use.bash-background")
    }

    /// PostToolUse of the call.
    pub(crate) fn after(&self) -> Value {
        let id = format!("b{}", self.number);
        with(
            self.tool_event("post-tool-use.bash-background"),
            "/tool_response/backgroundTaskId",
            id,
        )
    }

    fn tool_event(&self, name: &str) -> Value {
        let event = self.session.event(name);
        let event = with(event, "/tool_use_id", format!("toolu_{}", self.number));
        let event = match self.command {
            Some(command) => with(event, "/tool_input/command", command),
            None => event,
        };
        match self.agent {
            Some(agent) => with(event, "/agent_id", agent),
            None => event,
        }
    }

    /// The model makes the call, and Claude Code starts its task.
    pub(crate) fn starts(&self) {
        self.session.tell(&self.before());
        self.session.tell(&self.after());
    }

    /// The folder of its run.
    pub(crate) fn folder(&self) -> PathBuf {
        let runs = self.session.env.state().join("runs").join(&self.session.id);
        runs.join(format!("b{}", self.number))
    }

    /// Attaches as a runner does; it lives until the file is dropped.
    pub(crate) fn is_attached(&self) -> File {
        let name = format!("toolu_{}.json", self.number);
        let announced = self.session.announced_dir().join(name);
        let call = if announced.exists() { announced } else { self.folder().join("call.json") };
        let call = fs::read(call).expect("a call that was announced");
        self.is_attached_by(&call)
    }

    /// The same of a shell whose words are those of another announcement.
    pub(crate) fn is_attached_by(&self, announcement: &[u8]) -> File {
        let folder = self.folder();
        fs::create_dir_all(&folder).expect("the run folder");
        let lock = File::create(folder.join("lock")).expect("a lock file");
        lock.try_lock().expect("a free lock");
        fs::write(folder.join("attached.json"), announcement).expect("a file of the runner");
        lock
    }

    /// Its command was started now, as its runner notes it.
    pub(crate) fn is_started(&self) {
        let started = json!({ "at": chrono::Utc::now() }).to_string();
        fs::write(self.folder().join("started.json"), started).expect("a file of the runner");
    }

    /// Its command ended with this code so many seconds ago, as its runner notes it, before it lets go of its lock.
    pub(crate) fn has_ended(&self, code: i32, seconds: i64) {
        let ended_at = chrono::Utc::now() - chrono::Duration::seconds(seconds);
        let file = self
            .session
            .env
            .client_tmp()
            .join(format!("-home-dev-proj/{}/tasks/b{}.output", self.session.id, self.number));
        let result = json!({
            "exit": { "code": code }, "stop": "none", "started_at": ended_at, "ended_at": ended_at,
            "ended": tick_before(seconds), "duration_ms": 7, "client_file": file,
            "output": { "bytes": 9, "dropped": 9 },
        });
        fs::write(self.folder().join("result.json"), result.to_string()).expect("a result");
    }

    /// The text of Claude Code's notice that it failed with exit code 4.
    pub(crate) fn notice(&self) -> String {
        let event = self.session.event("user-prompt-submit.notification-bash-failed");
        let prompt = event["prompt"].as_str().expect("a prompt");
        prompt
            .replace("bldbdcet7", &format!("b{}", self.number))
            .replace("toolu_0000_0", &format!("toolu_{}", self.number))
    }

    /// The text of a notice with this status and with these words behind the description.
    pub(crate) fn notice_of(&self, status: &str, verdict: &str) -> String {
        self.notice()
            .replace("<status>failed<", &format!("<status>{status}<"))
            .replace("failed with exit code 4", verdict)
    }

    /// TaskStop with Claude Code's id of this call, before or after it is done.
    pub(crate) fn stop(&self, name: &str) -> Value {
        let event = self.session.event(name);
        with(event, "/tool_input/task_id", format!("b{}", self.number))
    }

    /// Writes Claude Code's output file.
    pub(crate) fn prints(&self, output: &str) {
        let folder = format!("-home-dev-proj/{}/tasks", self.session.id);
        let folder = self.session.env.client_tmp().join(folder);
        fs::create_dir_all(&folder).expect("Claude Code's folder");
        fs::write(folder.join(format!("b{}.output", self.number)), output).expect("an output");
    }
}

fn text(path: &std::path::Path) -> &str {
    path.to_str().expect("a path of text")
}

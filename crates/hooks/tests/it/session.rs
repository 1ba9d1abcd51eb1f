//! A conversation of the client, as far as hooks see it: the events that it sends for what happens in it.

use std::fs::{self, File};

use serde_json::{Value, json};
use sisyphus_testing::{Output, TestEnv};

use crate::payload::{CLIENT_TMP, PROJECT, SESSION, payload, with};
use crate::start::hook;

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

    /// Starts the hook of an event that needs no answer.
    pub(crate) fn tell(&self, event: &Value) {
        assert_eq!(self.send(event).stdout, "", "{event}");
    }

    /// A person types something.
    pub(crate) fn types(&self) -> Output {
        self.send(&self.event("user-prompt-submit.typed"))
    }

    /// The client submits a notice of its own.
    pub(crate) fn submits(&self, prompt: &str) -> Output {
        self.send(&with(self.event("user-prompt-submit.typed"), "/prompt", prompt))
    }

    /// A background call: its tool use is `toolu_NUMBER`, the client's task is to be `bNUMBER`.
    pub(crate) fn call(&'a self, number: u32) -> Call<'a> {
        Call { session: self, number, agent: None }
    }

    /// The unfinished tasks of this conversation.
    pub(crate) fn active(&self) -> Vec<Value> {
        self.tasks("active.json", "/tasks")
    }

    /// The finished tasks of this conversation that did not complete.
    pub(crate) fn failed(&self) -> Vec<Value> {
        self.tasks("failed.json", "/tasks")
    }

    /// The finished tasks of this conversation whose result is owed.
    pub(crate) fn owed(&self) -> Vec<Value> {
        self.tasks(&format!("outbox/{}.json", self.id), "/owed")
    }

    fn tasks(&self, file: &str, pointer: &str) -> Vec<Value> {
        let state = self.env.state_file(file);
        let tasks = state.pointer(pointer).and_then(Value::as_array).cloned().unwrap_or_default();
        tasks.into_iter().filter(|task| task["session"] == self.id.as_str()).collect()
    }

    /// Puts a finished task among what is owed, ended `seconds` ago: what a runner leaves, without the runner.
    pub(crate) fn owe(&self, number: u32, agent: Option<&str>, seconds: i64) {
        let ended_at = chrono::Utc::now() - chrono::Duration::seconds(seconds);
        let mut task = json!({
            "id": format!("t{number}"), "ticket": number, "session": self.id,
            "client": { "id": format!("b{number}"), "said_by": "client" },
            "cwd": self.env.project(), "command": "npm test", "description": "the tests",
            "status": { "state": "finished", "outcome": "failed", "exit_code": 3, "ended_at": ended_at },
        });
        if let Some(agent) = agent {
            task["agent"] = agent.into();
        }
        let path = self.outbox();
        fs::create_dir_all(path.parent().expect("a folder")).expect("the outbox folder");
        fs::write(path, json!({ "version": 1, "owed": [task] }).to_string()).expect("an outbox");
    }

    /// The file of what is owed to this conversation.
    pub(crate) fn outbox(&self) -> std::path::PathBuf {
        self.env.state().join(format!("outbox/{}.json", self.id))
    }
}

/// One call of Bash with `run_in_background`.
#[derive(Debug)]
pub(crate) struct Call<'a> {
    session: &'a Session<'a>,
    number: u32,
    agent: Option<&'a str>,
}

impl<'a> Call<'a> {
    /// The same call, made by a subagent.
    pub(crate) fn of_agent(self, agent: &'a str) -> Self {
        Self { agent: Some(agent), ..self }
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
        match self.agent {
            Some(agent) => with(event, "/agent_id", agent),
            None => event,
        }
    }

    /// The call is made and the client has started its task.
    pub(crate) fn starts(&self) {
        self.session.tell(&self.before());
        self.session.tell(&self.after());
    }

    /// Claims the call as a runner does; it has the call until the file is dropped.
    pub(crate) fn is_claimed(&self) -> File {
        let tool_use = format!("toolu_{}", self.number);
        let active = self.session.active();
        let task = active.iter().find(|task| task["tool_use_id"] == tool_use.as_str());
        let id = task.expect("an announced call")["id"].as_str().expect("an id").to_owned();
        let folder = self.session.env.runs().join(&id);
        let announced = self.session.env.runs().join("announced").join(&self.session.id);
        let announcement = fs::read_dir(announced)
            .expect("the announcements")
            .map(|entry| entry.expect("an entry").path())
            .find(|path| path.to_string_lossy().ends_with(&id))
            .expect("an announcement");
        let lock = File::create(folder.join("lock")).expect("a lock file");
        lock.try_lock().expect("a lock that nobody has");
        fs::rename(announcement, folder.join("claimed.json")).expect("a claim");
        lock
    }

    /// The text of the client's notice that it ended with exit code 4.
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

    /// TaskStop with the client's id of this call, before or after it is done.
    pub(crate) fn stop(&self, name: &str) -> Value {
        let event = self.session.event(name);
        with(event, "/tool_input/task_id", format!("b{}", self.number))
    }

    /// Writes the client's output file.
    pub(crate) fn prints(&self, output: &str) {
        let folder = format!("-home-dev-proj/{}/tasks", self.session.id);
        let folder = self.session.env.client_tmp().join(folder);
        fs::create_dir_all(&folder).expect("the client's folder");
        fs::write(folder.join(format!("b{}.output", self.number)), output).expect("an output");
    }
}

fn text(path: &std::path::Path) -> &str {
    path.to_str().expect("a path of text")
}

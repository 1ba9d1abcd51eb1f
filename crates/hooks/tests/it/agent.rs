//! One agent of a conversation, as hooks see it: the events that Claude Code sends for it.

use serde_json::{Value, json};
use sisyphus_testing::TestEnv;

use crate::payload::with;
use crate::session::Session;
use crate::start::{Started, told};

/// The agent of this number: its call is `toolu_NUMBER`, its name `agent NUMBER`, Claude Code's id of it `aNUMBER`.
#[derive(Debug, Clone)]
pub(crate) struct Agent<'a> {
    session: &'a Session<'a>,
    number: u32,
    model: Option<&'a str>,
    resolved: &'a str,
}

impl<'a> Agent<'a> {
    pub(crate) fn new(session: &'a Session<'a>, number: u32) -> Self {
        Self { session, number, model: None, resolved: "claude-opus-4-5" }
    }

    /// The same with a model that the call names, and the one that Claude Code resolves it to.
    pub(crate) fn of_model(self, model: &'a str, resolved: &'a str) -> Self {
        Self { model: Some(model), resolved, ..self }
    }

    pub(crate) fn id(&self) -> String {
        format!("a{}", self.number)
    }

    /// PreToolUse of its call. It does not say where to run, as most calls don't.
    pub(crate) fn before(&self) -> Value {
        self.of_call("pre-tool-use.agent-background")
    }

    /// PostToolUse of its call.
    pub(crate) fn after(&self) -> Value {
        let event = self.of_call("post-tool-use.agent-background");
        let event = with(event, "/tool_response/agentId", self.id());
        with(event, "/tool_response/resolvedModel", self.resolved)
    }

    fn of_call(&self, name: &str) -> Value {
        let mut input = json!({
            "description": format!("agent {}", self.number),
            "prompt": format!("do part {}", self.number),
            "subagent_type": "Explore",
        });
        if let Some(model) = self.model {
            input["model"] = model.into();
        }
        let event = with(self.session.event(name), "/tool_input", input);
        with(event, "/tool_use_id", format!("toolu_{}", self.number))
    }

    pub(crate) fn starts(&self) -> Value {
        with(self.session.event("subagent-start"), "/agent_id", self.id())
    }

    /// SubagentStop, with its last words.
    pub(crate) fn stops(&self, words: &str) -> Value {
        let event = with(self.session.event("subagent-stop"), "/agent_id", self.id());
        let event = with(event, "/last_assistant_message", words);
        with(event, "/background_tasks", json!([]))
    }

    /// Claude Code's notice that it has finished.
    pub(crate) fn notice(&self) -> Value {
        self.notified("user-prompt-submit.notification-agent-finished")
    }

    /// Claude Code's notice that it waits for its own background work.
    pub(crate) fn interim(&self) -> Value {
        self.notified("user-prompt-submit.notification-agent-interim")
    }

    /// Another recorded notice.
    pub(crate) fn notified(&self, name: &str) -> Value {
        let event = self.session.event(name);
        let prompt = event["prompt"].as_str().expect("a prompt").to_owned();
        let prompt = prompt.replace("a8e3a849e6be8157c", &self.id());
        with(event, "/prompt", prompt.replace("toolu_0000_3", &format!("toolu_{}", self.number)))
    }

    /// Claude Code's notice with this status and these words instead.
    pub(crate) fn notice_of(&self, status: &str, verdict: &str) -> Value {
        let event = self.notice();
        let prompt = event["prompt"].as_str().expect("a prompt").to_owned();
        let prompt = prompt
            .replace("<status>completed<", &format!("<status>{status}<"))
            .replace("finished</summary>", &format!("{verdict}</summary>"));
        with(event, "/prompt", prompt)
    }

    /// It is launched and has a slot.
    pub(crate) fn runs(&self) {
        let launched = self.is_launched();
        assert_eq!(launched.told, "");
        launched.works();
    }

    /// It is launched. SubagentStart comes before the answer to the call, and Claude Code waits for neither with the
    /// other.
    pub(crate) fn is_launched(&self) -> Launched {
        self.session.tell(&self.before());
        let hook = self.session.start(&self.starts());
        let output = self.session.send(&self.after());
        Launched { hook, told: told(&output) }
    }
}

/// An agent that Claude Code has launched, and the hook that may hold it.
#[derive(Debug)]
pub(crate) struct Launched {
    pub(crate) hook: Started,
    /// What the model reads beside the answer to the call.
    pub(crate) told: String,
}

impl Launched {
    /// The number in the queue that the model reads; `None` if the agent does not wait.
    pub(crate) fn number(&self) -> Option<u32> {
        let (_, rest) = self.told.split_once(" is launched and waits, number ")?;
        rest.split(' ').next()?.parse().ok()
    }

    /// The hook lets it go.
    pub(crate) fn works(self) {
        assert_eq!(self.hook.end().stdout, "");
    }
}

/// Stop of a conversation in which Claude Code lists these tasks as running.
pub(crate) fn turn_ends(session: &Session<'_>, running: &[String]) -> Value {
    let listed: Vec<Value> = running
        .iter()
        .map(|id| json!({ "id": id, "type": "subagent", "status": "running", "description": "x" }))
        .collect();
    with(session.event("stop.subagent-running"), "/background_tasks", listed)
}

/// The agents of a conversation that count.
pub(crate) fn live(session: &Session<'_>) -> Vec<Value> {
    session.active().into_iter().filter(|task| task["kind"] == "agent").collect()
}

/// The names of the queued agents of all conversations, in order.
pub(crate) fn queue(env: &TestEnv) -> Vec<String> {
    let active = env.state_file("active.json");
    let tasks = active["tasks"].as_array().cloned().unwrap_or_default();
    let queued = tasks.iter().filter(|task| task["status"]["state"] == "queued");
    queued.map(|task| task["description"].as_str().expect("a name").to_owned()).collect()
}

/// What the hooks publish of agents for the runners; empty if nothing.
pub(crate) fn published(env: &TestEnv) -> String {
    let files = std::fs::read_dir(env.runtime().join("agents"));
    let files = files.into_iter().flatten().map(|file| file.expect("an entry").path());
    files.map(|path| std::fs::read_to_string(path).expect("a file")).collect()
}

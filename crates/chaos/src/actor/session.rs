//! One session: its client, its conversation's files, and how it fires a hook.

use std::collections::VecDeque;
use std::fs::{self, File};
use std::io::Write as _;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex};

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};

use super::broker::{Exit, Request};
use super::client::Client;
use super::events::{End, Events};
use crate::home::Home;
use crate::injector::Injector;
use crate::ledger::{Call, Event, Fate, HookRun};
use crate::lock;

/// How often a session starts again until its hook survives to attach it.
const ATTEMPTS: usize = 8;

/// Whether the fake client sends notices when commands end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Notices {
    Sent,
    Withheld,
}

/// What waits to be submitted to the model.
pub(super) enum Notice {
    Ended(Call, End),
    /// The text of a hook that woke the session.
    Wake(String),
}

/// A session and its client. One thread does everything in the conversation.
pub(crate) struct Session {
    pub(super) home: Arc<Home>,
    pub(super) injector: Arc<Injector>,
    pub(super) events: Events,
    pub(super) notices: Notices,
    /// The folder of the commands' outputs.
    pub(super) outputs: PathBuf,
    pub(super) inbox: Mutex<VecDeque<Notice>>,
    pub(super) arrived: Condvar,
    /// The background commands that the fake client lists as running.
    pub(super) live: Mutex<Vec<Call>>,
    /// The subagents that the fake client lists as running.
    pub(super) agents: Mutex<Vec<String>>,
    env_file: PathBuf,
    client: Mutex<Arc<Client>>,
    wrapper: Vec<String>,
    is_over: AtomicBool,
}

/// The part of a hook's answer that the fake client uses.
#[derive(Debug, Default)]
pub(crate) struct Reply {
    pub(super) context: Option<String>,
    pub(super) is_blocked: bool,
    /// Its client was killed before it read the answer, so nothing follows.
    pub(super) is_orphaned: bool,
    /// The text with which a waiter wakes the session.
    pub(super) wake: Option<String>,
}

impl Session {
    /// Starts a session in a client of its own, inside of `wrapper`.
    pub(crate) fn start(
        home: &Arc<Home>,
        injector: &Arc<Injector>,
        name: &str,
        notices: Notices,
        wrapper: Vec<String>,
    ) -> Result<Arc<Self>> {
        let outputs = home.client_tmp().join("-project").join(name).join("tasks");
        let env_folder = home.config().join("session-env").join(name);
        fs::create_dir_all(&env_folder)
            .with_context(|| format!("could not create `{}`", env_folder.display()))?;
        let client = Client::start(&wrapper, &home.environment())?;
        let transcript = home.config().join("projects/project").join(format!("{name}.jsonl"));
        let session = Arc::new(Self {
            home: Arc::clone(home),
            injector: Arc::clone(injector),
            events: Events { session: name.to_owned(), transcript, folder: home.project() },
            notices,
            outputs,
            inbox: Mutex::default(),
            arrived: Condvar::new(),
            live: Mutex::default(),
            agents: Mutex::default(),
            env_file: env_folder.join("sessionstart-hook-0.sh"),
            client: Mutex::new(Arc::new(client)),
            wrapper,
            is_over: AtomicBool::new(false),
        });
        let outputs = session.outputs.display().to_string();
        session.run("mkdir", &["-p", &outputs]).context("could not create the outputs' folder")?;
        session.begin("startup")?;
        Ok(session)
    }

    pub(crate) fn name(&self) -> &str {
        &self.events.session
    }

    pub(super) fn client(&self) -> Arc<Client> {
        Arc::clone(&lock(&self.client))
    }

    fn begin(&self, source: &str) -> Result<()> {
        // If the hook is killed, the session is not attached and no part of the test, so it starts again.
        let is_attached = (0..ATTEMPTS).any(|_| {
            self.hook("sisyphus-session-start", &self.events.session_start(source), &[], None);
            fs::metadata(&self.env_file).is_ok_and(|file| file.len() > 0)
        });
        ensure!(is_attached, "the session `{}` was not attached", self.name());
        Ok(())
    }

    /// Kills the fake client.
    pub(crate) fn crash(&self) {
        self.note(&Event::ClientKilled { session: self.name().to_owned() });
        self.client().kill();
        lock(&self.inbox).clear();
        lock(&self.live).clear();
        lock(&self.agents).clear();
    }

    /// `--resume`: another client goes on with the conversation.
    pub(crate) fn resume(&self) -> Result<()> {
        let client = Client::start(&self.wrapper, &self.home.environment())?;
        *lock(&self.client) = Arc::new(client);
        self.begin("resume")
    }

    /// From here on no waiter is started.
    pub(crate) fn close(&self) {
        self.is_over.store(true, Ordering::Relaxed);
    }

    pub(super) fn is_over(&self) -> bool {
        self.is_over.load(Ordering::Relaxed)
    }

    /// Fires a hook whose event names these calls, and reads its answer.
    pub(super) fn hook(
        &self,
        binary: &str,
        event: &Value,
        names: &[usize],
        agent: Option<&str>,
    ) -> Reply {
        let since = self.home.ledger.length();
        let Some(process) = self.client().spawn(self.request(binary, event)) else {
            return Reply { is_orphaned: true, ..Reply::default() };
        };
        self.injector.aim_at_hook(process.id);
        let exit = process.wait();
        let (fate, exit) = match exit {
            None => (Fate::Orphaned, Exit::default()),
            Some(exit) if exit.code.is_none() => (Fate::Killed, exit),
            Some(exit) => (Fate::Exited, exit),
        };
        self.note(&Event::Hook(HookRun {
            hook: binary.to_owned(),
            session: self.name().to_owned(),
            agent: agent.map(str::to_owned),
            names: names.to_vec(),
            since,
            fate,
            stdout: exit.stdout.clone(),
        }));
        self.hear(binary, fate, &exit)
    }

    /// The fake client reads the answer of a hook that exited, and nothing of a killed one.
    fn hear(&self, binary: &str, fate: Fate, exit: &Exit) -> Reply {
        if fate != Fate::Exited {
            return Reply { is_orphaned: fate == Fate::Orphaned, ..Reply::default() };
        }
        let is_waiter = binary == "sisyphus-wake";
        match exit.code {
            Some(0) if exit.stderr.is_empty() => {}
            Some(2) if is_waiter => {
                return Reply { wake: Some(exit.stderr.clone()), ..Reply::default() };
            }
            code => self.warn(format!("{binary} exited with {code:?}: {}", exit.stderr)),
        }
        if exit.stdout.is_empty() {
            return Reply::default();
        }
        let Ok(answer) = serde_json::from_str::<Value>(&exit.stdout) else {
            self.warn(format!("{binary} printed no JSON: {}", exit.stdout));
            return Reply::default();
        };
        let context = answer["hookSpecificOutput"]["additionalContext"].as_str().map(str::to_owned);
        if let Some(context) = &context {
            self.transcribe(&json!({
                "type": "attachment",
                "attachment": { "type": "hook_additional_context", "content": [context] },
            }));
        }
        let is_blocked = answer["decision"] == "block";
        Reply { context, is_blocked, ..Reply::default() }
    }

    fn request(&self, binary: &str, event: &Value) -> Request {
        let mut environment = self.home.environment();
        let project = self.home.project().display().to_string();
        let data = self.home.config().join("plugins/data/sisyphus").display().to_string();
        for (name, value) in [
            ("CLAUDE_CODE_SESSION_ID", self.name().to_owned()),
            ("CLAUDE_CODE_SESSION_ATTENDED", "1".to_owned()),
            ("CLAUDE_PROJECT_DIR", project),
            ("CLAUDE_PLUGIN_DATA", data),
        ] {
            environment.push((name.to_owned(), value));
        }
        if event["hook_event_name"] == "SessionStart" {
            let file = self.env_file.display().to_string();
            environment.push(("CLAUDE_ENV_FILE".to_owned(), file));
        }
        Request {
            program: self.home.binary(binary),
            environment,
            folder: self.home.project(),
            input: event.to_string(),
            ..Request::default()
        }
    }

    /// The line that SessionStart put in front of every command.
    pub(super) fn snippet(&self) -> Result<String> {
        fs::read_to_string(&self.env_file)
            .with_context(|| format!("could not read `{}`", self.env_file.display()))
    }

    /// Runs a program as a child of the fake client; returns what it printed.
    pub(crate) fn run(&self, program: &str, arguments: &[&str]) -> Result<String> {
        let request = Request {
            program: program.into(),
            arguments: arguments.iter().map(|&argument| argument.to_owned()).collect(),
            environment: self.home.environment(),
            folder: self.home.project(),
            ..Request::default()
        };
        let process = self.client().spawn(request).context("the fake client is dead")?;
        let exit = process.wait().context("the fake client is dead")?;
        ensure!(exit.code == Some(0), "`{program}` exited with {:?}: {}", exit.code, exit.stderr);
        Ok(exit.stdout)
    }

    /// Appends a line to the transcript.
    pub(super) fn transcribe(&self, line: &Value) {
        let mut line = line.clone();
        line["sessionId"] = self.name().into();
        line["cwd"] = self.home.project().display().to_string().into();
        line["timestamp"] = chrono::Utc::now().to_rfc3339().into();
        let appended = File::options()
            .append(true)
            .create(true)
            .open(&self.events.transcript)
            .and_then(|mut file| file.write_all(format!("{line}\n").as_bytes()));
        if let Err(error) = appended {
            self.warn(format!("could not write the transcript: {error}"));
        }
    }

    pub(crate) fn warn(&self, text: String) {
        self.note(&Event::Violation { text });
    }

    pub(crate) fn note(&self, event: &Event) {
        // A missing line shows when the ledger is checked.
        let _ = self.home.ledger.append(event);
    }
}

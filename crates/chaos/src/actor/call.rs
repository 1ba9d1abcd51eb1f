//! One call in the fake client: its hooks, its shell, its result.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Result;
use serde_json::json;
use sisyphus_harness::{fake_client::as_written, sys::kill_process};

use super::broker::{Exit, Request};
use super::client::{Client, Process};
use super::events::End;
use super::session::{Notice, Notices, Reply, Session};
use crate::ledger::{Call, Cause, Event, Kind};
use crate::lock;
use crate::running::Running;
use crate::sys;
use crate::tree::tree;

/// How long the fake client waits after it stops a task, before it kills the task (CC-37).
const GRACE: Duration = Duration::from_secs(2);

/// What a call is to run.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    pub(crate) command: Command,
    pub(crate) kind: Kind,
    /// The subagent that makes it.
    pub(crate) agent: Option<String>,
    /// The folder that it runs in; `None` for the project.
    pub(crate) folder: Option<PathBuf>,
}

/// The text of a command.
#[derive(Debug, Clone)]
pub(crate) enum Command {
    /// A command of its own, which sleeps for this long and exits with this code.
    Sleep(Duration, i32),
    /// This text between the begin and the end. Calls with the same text are equal commands.
    Text(String),
}

impl Plan {
    /// A background command that sleeps for `milliseconds` and exits with `code`.
    pub(crate) fn sleep(milliseconds: u64, code: i32) -> Self {
        Self {
            command: Command::Sleep(Duration::from_millis(milliseconds), code),
            kind: Kind::Background,
            agent: None,
            folder: None,
        }
    }

    pub(crate) fn text(text: &str) -> Self {
        Self { command: Command::Text(text.to_owned()), ..Self::sleep(0, 0) }
    }

    pub(crate) fn kind(self, kind: Kind) -> Self {
        Self { kind, ..self }
    }

    pub(crate) fn agent(self, agent: &str) -> Self {
        Self { agent: Some(agent.to_owned()), ..self }
    }

    pub(crate) fn folder(self, folder: &Path) -> Self {
        Self { folder: Some(folder.to_owned()), ..self }
    }
}

/// A number that no other call of this process has.
fn next_call() -> usize {
    static CALLS: AtomicUsize = AtomicUsize::new(1);
    CALLS.fetch_add(1, Ordering::Relaxed)
}

impl Session {
    /// Makes a call: permission, shell, answer. `None` if it has no shell, or its client was killed.
    pub(crate) fn call(self: &Arc<Self>, plan: &Plan) -> Option<Running> {
        let call = self.prepare(plan);
        let reply = self.announce(&call);
        if call.kind == Kind::Denied || reply.is_orphaned {
            return None;
        }
        if call.kind == Kind::Foreground {
            let (running, process) = self.shell(&call)?;
            self.finish_foreground(&call, &running, &process);
            return Some(running);
        }
        let running = self.launch(&call)?;
        self.answer(&call);
        Some(running)
    }

    /// Starts a background command whose exit the fake client sees.
    pub(crate) fn launch(self: &Arc<Self>, call: &Call) -> Option<Running> {
        let client = self.client();
        let (running, process) = self.shell(call)?;
        lock(&self.live).push(call.clone());
        self.injector.aim_at_command(&self.home.ledger, &running);
        let (session, attended) = (Arc::clone(self), running.clone());
        thread::spawn(move || session.attend(&client, &attended, &process));
        Some(running)
    }

    /// The calls of one message of the model, side by side.
    pub(crate) fn call_all(self: &Arc<Self>, plans: &[Plan]) -> Vec<Running> {
        thread::scope(|scope| {
            let calls: Vec<_> =
                plans.iter().map(|plan| scope.spawn(move || self.call(plan))).collect();
            calls.into_iter().filter_map(|call| call.join().ok().flatten()).collect()
        })
    }

    /// The call before any hook sees it.
    pub(crate) fn prepare(&self, plan: &Plan) -> Call {
        let number = next_call();
        let script = "$CHAOS_SCRIPT";
        let command = match &plan.command {
            Command::Sleep(time, code) => {
                let seconds = time.as_secs_f64();
                format!(": call {number}; . {script}; begin; sleep {seconds}; end {code}")
            }
            Command::Text(text) => format!(". {script}; begin; {text}"),
        };
        let call = Call {
            number,
            session: self.name().to_owned(),
            tool_use_id: format!("toolu_{number:08}"),
            client_id: format!("b{number:08}"),
            command,
            description: format!("call {number}"),
            folder: plan.folder.clone().unwrap_or_else(|| self.home.project()),
            kind: plan.kind,
            agent: plan.agent.clone(),
        };
        self.note(&Event::Called(call.clone()));
        call
    }

    pub(crate) fn announce(&self, call: &Call) -> Reply {
        self.transcribe(&json!({
            "type": "assistant",
            "message": { "role": "assistant", "content": [{
                "type": "tool_use", "id": call.tool_use_id, "name": "Bash",
                "input": { "command": call.command, "description": call.description,
                    "run_in_background": call.kind != Kind::Foreground },
            }] },
        }));
        let event = self.events.pre_tool_use(call);
        self.hook("sisyphus-pre-tool-use", &event, &[call.number], call.agent.as_deref())
    }

    /// Starts the shell as Claude Code does.
    fn shell(&self, call: &Call) -> Option<(Running, Process)> {
        let snippet = match self.snippet() {
            Ok(snippet) => snippet,
            Err(error) => {
                self.warn(format!("{error:#}"));
                return None;
            }
        };
        let string = format!(
            "true && {snippet}: && eval {} < /dev/null && pwd -P >| {}",
            as_written(&call.command),
            self.home.folder.join(format!("ledger/{}-cwd", call.client_id)).display()
        );
        let mut environment = self.home.environment();
        let script = self.home.folder.join("ledger/script.sh").display().to_string();
        environment.push(("CHAOS_SCRIPT".to_owned(), script));
        environment.push(("CHAOS_CALL".to_owned(), call.number.to_string()));
        environment.push(("CLAUDE_CODE_SESSION_ID".to_owned(), self.name().to_owned()));
        let process = self.client().spawn(Request {
            program: "/bin/bash".into(),
            arguments: vec!["-c".to_owned(), string],
            environment,
            folder: call.folder.clone(),
            output: Some(self.output(call)),
            ..Request::default()
        })?;
        self.note(&Event::Launched { call: call.number });
        let running = Running::new(call, process.id);
        Some((running, process))
    }

    /// Answers the call: its command runs in the background.
    pub(crate) fn answer(&self, call: &Call) {
        let event = self.events.post_background(call);
        let names = [call.number];
        let reply = self.hook("sisyphus-post-tool-use", &event, &names, call.agent.as_deref());
        // A subagent has a transcript of its own.
        if reply.is_orphaned || call.agent.is_some() {
            return;
        }
        let text = format!(
            "Command running in background with ID: {}. Output is being written to: {}. You will be notified when it completes.",
            call.client_id,
            self.output(call).display()
        );
        self.transcribe(&json!({
            "type": "user",
            "message": { "role": "user", "content": [
                { "tool_use_id": call.tool_use_id, "type": "tool_result", "content": text, "is_error": false },
            ] },
            "toolUseResult": event["tool_response"],
        }));
        self.note(&Event::Answered { call: call.number });
    }

    /// Waits for the end of a command, and queues its notice.
    fn attend(&self, client: &Client, running: &Running, process: &Process) {
        let call = &running.call;
        // Its client was killed, and the next client does not know when it ends.
        let Some(exit) = process.wait() else { return };
        running.note_exit();
        self.note_exit(call, &exit);
        let is_listed = self.takes_from_live(call);
        // A subagent gets the results of its own commands without a prompt, and the model knows of the tasks that it
        // stopped.
        if is_listed && self.notices == Notices::Sent && call.agent.is_none() {
            // Claude Code reports a shell that died by a signal as failed, with the exit code that a shell would
            // report.
            let code = exit.code.or(exit.signal.map(|signal| 128 + signal)).unwrap_or(1);
            let mut inbox = lock(&self.inbox);
            // A killed client loses the notices that it had not submitted.
            if !client.is_dead() {
                self.enqueue(&mut inbox, call, End::Code(code));
            }
        }
    }

    /// Queues a notice, and writes that to the transcript, as Claude Code does.
    fn enqueue(&self, inbox: &mut VecDeque<Notice>, call: &Call, end: End) {
        let event = self.events.notice(call, &self.output(call), end);
        self.transcribe(&json!({
            "type": "queue-operation", "operation": "enqueue", "content": event["prompt"],
        }));
        inbox.push_back(Notice::Ended(call.clone(), end));
        self.arrived.notify_all();
    }

    /// Removes a call from those that the fake client lists as running; false if it was not among them.
    fn takes_from_live(&self, call: &Call) -> bool {
        let mut live = lock(&self.live);
        let before = live.len();
        live.retain(|other| other.number != call.number);
        before > live.len()
    }

    fn note_exit(&self, call: &Call, exit: &Exit) {
        self.note(&Event::Exited { call: call.number, code: exit.code, signal: exit.signal });
    }

    fn finish_foreground(&self, call: &Call, running: &Running, process: &Process) {
        let Some(exit) = process.wait() else { return };
        running.note_exit();
        self.note_exit(call, &exit);
        let event = self.events.post_foreground(call);
        self.hook("sisyphus-post-tool-use", &event, &[], None);
        // Claude Code keeps the output of background commands only.
        let _ = std::fs::remove_file(self.output(call));
    }

    /// The model stops a task, if it still runs.
    pub(crate) fn stop_task(&self, running: &Running) -> Result<()> {
        let call = &running.call;
        if !lock(&self.live).iter().any(|live| live.number == call.number) {
            return Ok(());
        }
        let [before, after] = self.events.task_stop(call);
        self.hook("sisyphus-pre-tool-use", &before, &[], None);
        // A task that has already ended can't be stopped, and Claude Code's answer to that does not concern us.
        if !self.takes_from_live(call) {
            return Ok(());
        }
        self.home.ledger.append(&Event::Killed { call: call.number, cause: Cause::TaskStop })?;
        tree(running.process).into_iter().for_each(sys::terminate);
        let deadline = Instant::now() + GRACE;
        while !running.has_exited() && Instant::now() < deadline {
            thread::sleep(Duration::from_millis(10));
        }
        if !running.has_exited() {
            tree(running.process).into_iter().for_each(kill_process);
        }
        self.hook("sisyphus-post-tool-use", &after, &[], None);
        // Claude Code sends a notice for some of these ends too.
        if self.notices == Notices::Sent && call.number.is_multiple_of(2) {
            self.enqueue(&mut lock(&self.inbox), call, End::Stopped);
        }
        Ok(())
    }

    pub(super) fn output(&self, call: &Call) -> PathBuf {
        self.outputs.join(format!("{}.output", call.client_id))
    }
}

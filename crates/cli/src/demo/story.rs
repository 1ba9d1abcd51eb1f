//! What happens in the demonstration, and what is checked on the way.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use chrono::Utc;
use serde_json::{Map, Value, json};
use sisyphus_core::outcome::Outcome;
use sisyphus_core::status::Status;
use sisyphus_process::has_ancestor;

use super::attention::Attention;
use super::board::{Board, Seen, Stand};
use super::cast::{CAST, Entrance, Role, SLOTS};
use super::draw::Drawing;
use super::shells::Shells;
use super::stage::Stage;
use crate::print;
use crate::style::{Hue, Paint};

/// How long one drawing stands.
const STANDS: Duration = Duration::from_millis(100);
/// How long a command may take to get where it should be. The slowest takes two seconds on a machine at rest.
const PATIENCE: Duration = Duration::from_secs(30);

/// The session, from its start to its end.
pub(super) fn play(stage: &Stage, attention: &mut Attention) -> Result<()> {
    let mut session =
        Session { stage, attention, board: Board::of(stage), drawing: Drawing::new() };
    session.is_silent(
        "session-start",
        json!({ "hook_event_name": "SessionStart", "source": "startup" }),
    )?;
    say(&format!(
        "A session with {} background commands, of which {SLOTS} may run at once:",
        CAST.len()
    ))?;
    // Dropped before the stage goes, on which they may still write.
    let mut shells = Shells::default();
    for role in &CAST {
        session.call(role, &mut shells)?;
    }
    stage.go()?;
    session.watch_ends(&mut shells)?;
    let reminder = session.results()?;
    print::out("\n")?;
    say("In its next turn the model reads, right behind Claude Code's own notices:")?;
    print::out(&format!("\n{}\n", indent(&reminder)))?;
    session.is_silent("stop", json!({ "hook_event_name": "Stop", "background_tasks": [] }))?;
    session
        .is_silent("session-end", json!({ "hook_event_name": "SessionEnd", "reason": "other" }))?;
    if let Some(complaint) = stage.complaint() {
        anyhow::bail!("all went well, but something was logged: {complaint}");
    }
    say("Next: start Claude Code, and look on with `sisyphus list --watch`.")
}

/// What is told of the demonstration itself.
fn say(text: &str) -> Result<()> {
    print::out(&format!("{}\n", Paint::of_output().paint(Hue::Dim, text)))
}

fn indent(text: &str) -> String {
    let line = |line: &str| if line.is_empty() { "\n".to_owned() } else { format!("  {line}\n") };
    text.lines().map(line).collect()
}

/// The client's side of it.
struct Session<'a> {
    stage: &'a Stage,
    attention: &'a mut Attention,
    board: Board,
    drawing: Drawing,
}

impl Session<'_> {
    fn hook(&mut self, name: &str, event: Value) -> Result<Value> {
        self.stage.hook(name, event, self.attention)
    }

    /// Fires a hook that has nothing to say.
    fn is_silent(&mut self, name: &str, event: Value) -> Result<()> {
        let said = self.hook(name, event)?;
        ensure!(said.is_null(), "the hook `{name}` said something unexpected: {said}");
        Ok(())
    }

    /// The model calls a command, and the client starts it in the background.
    fn call(&mut self, role: &'static Role, shells: &mut Shells) -> Result<()> {
        let mut call = json!({
            "hook_event_name": "PreToolUse", "tool_name": "Bash",
            "tool_use_id": tool_use_id(role), "tool_input": input(role),
        });
        let announced = self.hook("pre-tool-use", call.clone())?;
        if let Some(input) = changed_input(&announced, &call, role)? {
            call["tool_input"] = input;
        }
        shells.start(self.stage, role)?;
        call["hook_event_name"] = "PostToolUse".into();
        call["tool_response"] = json!({ "stdout": "", "stderr": "", "backgroundTaskId": role.id });
        let said = self.hook("post-tool-use", call)?;
        let expected = match entrance(role) {
            Entrance::Runs => Stand::Runs,
            Entrance::Waits { number } => {
                let place = format!("is number {number} in the queue");
                ensure!(
                    context(&said).contains(&place),
                    "the model was not told that `{}` {place}: {said}",
                    role.description
                );
                Stand::Waits { number }
            }
        };
        self.draw_until(&format!("`{}` to be where it should", role.description), |seen| {
            seen.iter().any(|it| it.role.id == role.id && it.stand == expected)
        })
        .map(drop)
    }

    /// The model goes on with other work, and the commands end as they should.
    fn watch_ends(&mut self, shells: &mut Shells) -> Result<()> {
        let all_over =
            |seen: &[Seen]| seen.iter().filter(|it| it.stand == Stand::Over).count() == CAST.len();
        for seen in self.draw_until("the commands to end", all_over)? {
            check_end(&seen)?;
        }
        let deadline = Instant::now() + PATIENCE;
        let ends = loop {
            match shells.ends()? {
                Some(ends) => break ends,
                None => ensure!(Instant::now() < deadline, "a shell has not ended"),
            }
            self.attention.pause(STANDS)?;
        };
        for (role, end) in CAST.iter().zip(ends) {
            let is_right = match role.end {
                Outcome::Completed => end.success(),
                Outcome::Failed { exit_code } => end.code() == Some(exit_code),
                Outcome::TimedOut { .. } | Outcome::Killed { .. } | Outcome::Cancelled { .. } => {
                    !end.success()
                }
                Outcome::Lost { .. } | Outcome::AgentFailed { .. } | Outcome::Unknown => true,
            };
            ensure!(is_right, "the shell of `{}` ended with {end}", role.description);
        }
        Ok(())
    }

    /// Draws what happens until it is as it is wanted.
    fn draw_until(&mut self, what: &str, is_so: impl Fn(&[Seen]) -> bool) -> Result<Vec<Seen>> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let now = Utc::now();
            let seen = self.board.look(now)?;
            self.drawing.draw(&seen, now)?;
            if is_so(&seen) {
                return Ok(seen);
            }
            ensure!(Instant::now() < deadline, "waited {PATIENCE:?} in vain for {what}");
            self.attention.pause(STANDS)?;
        }
    }

    /// The client submits its notices, one after the other. The first brings all results, so the others are not worth a
    /// turn.
    fn results(&mut self) -> Result<String> {
        let mut notices = CAST.iter().map(|role| notice(self.stage, role));
        let first = notices.next().context("there is a command")?;
        let reply = self.hook("user-prompt-submit", first)?;
        let reminder = context(&reply).to_owned();
        ensure!(!reminder.is_empty(), "the results did not arrive: {reply}");
        for role in &CAST {
            let outcome = role.end.sentence(None);
            for expected in [format!("(\"{}\") {outcome}", role.description), role.shown.to_owned()]
            {
                ensure!(
                    reminder.contains(&expected),
                    "the reminder lacks `{expected}`: {reminder:?}"
                );
            }
        }
        for again in notices {
            let reply = self.hook("user-prompt-submit", again)?;
            ensure!(reply["decision"] == "block", "a result was delivered twice: {reply}");
        }
        Ok(reminder)
    }
}

/// What should meet a command. Within a background command of ours nothing waits for a slot.
fn entrance(role: &Role) -> Entrance {
    if has_ancestor("sisyphus-run") { Entrance::Runs } else { role.entrance }
}

fn tool_use_id(role: &Role) -> String {
    format!("toolu_{}", role.id)
}

fn input(role: &Role) -> Value {
    let mut input = json!({
        "command": role.command(), "description": role.description, "run_in_background": true,
    });
    if let Some(timeout) = role.timeout_ms {
        input["timeout"] = timeout.into();
    }
    input
}

/// The input as a hook has changed it. That may be the time limit of a command that waits, and nothing else.
fn changed_input(reply: &Value, call: &Value, role: &Role) -> Result<Option<Value>> {
    if reply.is_null() {
        return Ok(None);
    }
    let changed = &reply["hookSpecificOutput"]["updatedInput"];
    let less_limit = |input: &Value| {
        let mut fields: Map<String, Value> = input.as_object().cloned().unwrap_or_default();
        fields.remove("timeout");
        fields
    };
    let decision = &reply["hookSpecificOutput"]["permissionDecision"];
    let is_allowed = role.entrance != Entrance::Runs
        && decision.is_null()
        && less_limit(changed) == less_limit(&call["tool_input"]);
    ensure!(is_allowed, "the PreToolUse hook changed the call: {reply}");
    Ok(Some(changed.clone()))
}

/// What a hook's reply puts before the model.
fn context(reply: &Value) -> &str {
    reply["hookSpecificOutput"]["additionalContext"].as_str().unwrap_or_default()
}

fn check_end(seen: &Seen) -> Result<()> {
    let Status::Finished(ending) = &seen.task.status else { return Ok(()) };
    let (role, is_waiter) = (seen.role, entrance(seen.role) != Entrance::Runs);
    ensure!(
        ending.outcome == role.end,
        "`{}` {} instead of what it should: {}",
        role.description,
        ending.sentence(seen.task.kind),
        role.end.sentence(None)
    );
    let has_waited = ending.waited_ms.is_some_and(|ms| ms > 0);
    ensure!(!is_waiter || has_waited, "`{}` has not waited in line", role.description);
    Ok(())
}

/// The client's notice of an end.
fn notice(stage: &Stage, role: &Role) -> Value {
    let (status, words) = role.noticed();
    let prompt = format!(
        "<task-notification>\n<task-id>{}</task-id>\n<tool-use-id>{}</tool-use-id>\n\
         <output-file>{}</output-file>\n<status>{status}</status>\n\
         <summary>Background command \"{}\" {words}</summary>\n</task-notification>",
        role.id,
        tool_use_id(role),
        stage.output(role).display(),
        role.description,
    );
    json!({ "hook_event_name": "UserPromptSubmit", "prompt": prompt })
}

//! The script of the demonstration, and its checks.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use chrono::Utc;
use serde_json::{Value, json};
use sisyphus_process::{Signals, runners_above};
use sisyphus_tasks::outcome::Outcome;

use super::attention::pause_until;
use super::commands::{CAST, Role, SLOTS, Stand};
use super::draw::Drawing;
use super::events::{call, changed_input, context, notice};
use super::sandbox::Sandbox;
use super::shells::Shells;
use super::status_board::{Seen, look};
use crate::print;
use crate::style::{Hue, Paint};

/// The time between two drawings.
const STANDS: Duration = Duration::from_millis(100);
/// How long a command may take to reach the expected state. The slowest takes two seconds on an idle machine.
const PATIENCE: Duration = Duration::from_secs(30);

/// The session, from its start to its end.
pub(super) fn play(sandbox: &Sandbox, signals: &mut Signals) -> Result<()> {
    let mut session = Session { sandbox, signals, drawing: Drawing::new() };
    let start = json!({ "hook_event_name": "SessionStart", "source": "startup" });
    session.is_silent("session-start", start)?;
    say(&format!(
        "A session with {} background commands, of which {SLOTS} may run at once:",
        CAST.len()
    ))?;
    // Dropped before the sandbox is removed, because the shells may still write to it.
    let mut shells = Shells::default();
    for role in &CAST {
        session.call(role, &mut shells)?;
    }
    sandbox.go()?;
    session.watch_ends(&mut shells)?;
    let reminder = session.results()?;
    print::out("\n")?;
    say("In its next turn the model reads, right after Claude Code's own notices:")?;
    print::out(&format!("\n{}\n", indent(&reminder)))?;
    session.is_silent("stop", json!({ "hook_event_name": "Stop", "background_tasks": [] }))?;
    let end = json!({ "hook_event_name": "SessionEnd", "reason": "other" });
    session.is_silent("session-end", end)
}

/// Prints a sentence about the demonstration itself.
fn say(text: &str) -> Result<()> {
    print::out(&format!("{}\n", Paint::of_output().paint(Hue::Dim, text)))
}

fn indent(text: &str) -> String {
    let line = |line: &str| if line.is_empty() { "\n".to_owned() } else { format!("  {line}\n") };
    text.lines().map(line).collect()
}

/// Claude Code's side of the session.
struct Session<'a> {
    sandbox: &'a Sandbox,
    signals: &'a mut Signals,
    drawing: Drawing,
}

impl Session<'_> {
    fn hook(&mut self, name: &str, event: Value) -> Result<Value> {
        self.sandbox.hook(name, event, self.signals)
    }

    /// Fires a hook that must print nothing.
    fn is_silent(&mut self, name: &str, event: Value) -> Result<()> {
        let said = self.hook(name, event)?;
        ensure!(said.is_null(), "the hook `{name}` said something unexpected: {said}");
        Ok(())
    }

    /// The model calls a command, and Claude Code starts it in the background.
    fn call(&mut self, role: &'static Role, shells: &mut Shells) -> Result<()> {
        let mut call = call(role);
        let announced = self.hook("pre-tool-use", call.clone())?;
        if let Some(input) = changed_input(&announced, &call, role)? {
            call["tool_input"] = input;
        }
        shells.start(self.sandbox, role)?;
        call["hook_event_name"] = "PostToolUse".into();
        call["tool_response"] = json!({ "stdout": "", "stderr": "", "backgroundTaskId": role.id });
        let said = self.hook("post-tool-use", call)?;
        let entrance = entrance(role);
        if let Stand::Waits { number } = entrance {
            let place = format!("is number {number} in the queue");
            ensure!(
                context(&said).contains(&place),
                "the hook did not tell the model that `{}` {place}: {said}",
                role.description
            );
        }
        // A short command may have ended before the first drawing.
        let is_there =
            |stand: Stand| stand == entrance || (entrance == Stand::Runs && stand == Stand::Over);
        self.draw_until(&format!("`{}` to start or to queue", role.description), |seen| {
            seen.iter().any(|it| it.role.id == role.id && is_there(it.stand))
        })
        .map(drop)
    }

    /// The model goes on with other work until the commands have ended as expected.
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
            pause_until(self.signals, Instant::now() + STANDS)?;
        };
        for (role, end) in CAST.iter().zip(ends) {
            let is_right = if let Outcome::Failed { exit_code } = role.end {
                end.code() == Some(exit_code)
            } else {
                end.success() == (role.end == Outcome::Completed)
            };
            ensure!(is_right, "the shell of `{}` ended with {end}", role.description);
        }
        Ok(())
    }

    /// Redraws the commands until `is_so` holds.
    fn draw_until(&mut self, what: &str, is_so: impl Fn(&[Seen]) -> bool) -> Result<Vec<Seen>> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let now = Utc::now();
            // On a busy machine another process may hold the lock for a while.
            match look(self.sandbox) {
                Ok(seen) => {
                    self.drawing.draw(&seen, now)?;
                    if is_so(&seen) {
                        return Ok(seen);
                    }
                    ensure!(
                        Instant::now() < deadline,
                        "timed out after {PATIENCE:?}, waiting for {what}"
                    );
                }
                Err(error) if Instant::now() >= deadline => return Err(error),
                Err(_) => {}
            }
            pause_until(self.signals, Instant::now() + STANDS)?;
        }
    }

    /// Claude Code submits its notices, one after the other. The first brings all results. The hook blocks the others
    /// because they are not worth a turn.
    fn results(&mut self) -> Result<String> {
        let mut notices = CAST.iter().map(|role| notice(self.sandbox, role));
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

/// The expected start of a command. Inside a background command of ours nothing waits for a slot.
fn entrance(role: &Role) -> Stand {
    if runners_above().is_empty() { role.entrance } else { Stand::Runs }
}

fn check_end(seen: &Seen) -> Result<()> {
    let Some(ending) = seen.task.status().ending() else { return Ok(()) };
    let (role, is_waiter) = (seen.role, entrance(seen.role) != Stand::Runs);
    ensure!(
        ending.outcome == role.end,
        "`{}` {}, but it should have ended otherwise: {}",
        role.description,
        ending.sentence(seen.task.kind),
        role.end.sentence(None)
    );
    let has_waited = ending.waited_ms.is_some_and(|ms| ms > 0);
    ensure!(!is_waiter || has_waited, "`{}` has not waited for a slot", role.description);
    Ok(())
}

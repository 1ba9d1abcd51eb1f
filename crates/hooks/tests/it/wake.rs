//! The waiter behind Stop: it wakes a session for a result that Claude Code does not announce, and for nothing else.

mod listens;
mod lost;

use std::process::Child;
use std::process::Stdio;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use sisyphus_testing::{Client, Process, Shell, wait_for, wait_until};

const WORDS: &str = "[sisyphus] There is news of background commands.\n";
/// Claude Code's time to announce a result, and some for a slow machine.
const PROMPT: Duration = Duration::from_secs(10);

/// A waiter, started as Claude Code does at a Stop. The test kills it when it ends.
struct Waiter {
    child: Child,
    process: Process,
}

impl Waiter {
    fn of(client: &Client) -> Self {
        Self::with(client, ("CLAUDE_CODE_SESSION_ATTENDED", "1"))
    }

    fn with(client: &Client, (variable, value): (&str, &str)) -> Self {
        let event = json!({
            "hook_event_name": "Stop", "session_id": "session-1", "cwd": client.env.project(),
            "stop_hook_active": false,
        });
        let input = client.env.path().join("stop.json");
        std::fs::write(&input, event.to_string()).unwrap();
        let child = client
            .env
            .command("sisyphus-wake")
            .env(variable, value)
            .stdin(std::fs::File::open(input).unwrap())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let process = Process::of_child(child.id().cast_signed()).unwrap();
        Self { child, process }
    }

    /// Waits for its end: exit code and what it says.
    fn end(mut self) -> (Option<i32>, String) {
        let status = wait_for("the waiter to end", || self.child.try_wait().unwrap());
        let mut said = String::new();
        for pipe in [
            self.child.stdout.take().map(|it| Box::new(it) as Box<dyn std::io::Read>),
            self.child.stderr.take().map(|it| Box::new(it) as Box<dyn std::io::Read>),
        ] {
            std::io::Read::read_to_string(&mut pipe.unwrap(), &mut said).unwrap();
        }
        (status.code(), said)
    }

    fn is_waiting(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    /// Waits until it has taken its place among the session's waiters.
    fn wait_until_it_sleeps(&self, client: &Client) {
        let name = client.env.state().join("wake/session-1.json");
        let own = format!("[{},", self.process.pid);
        wait_until("the waiter to settle", || {
            std::fs::read_to_string(&name).is_ok_and(|text| text.starts_with(&own))
        });
    }
}

impl Drop for Waiter {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

const COMMAND: &str = "until [ -e go ]; do sleep 0.02; done; exit 3";

fn let_go(client: &Client) {
    std::fs::write(client.env.project().join("go"), "").unwrap();
}

fn told(reply: &Value) -> String {
    reply["hookSpecificOutput"]["additionalContext"].as_str().unwrap_or_default().to_owned()
}

/// What Claude Code makes of a waiter's words. A Claude Code that does not know `rewakeSummary` has its own summary.
fn prompt(words: &str) -> Value {
    prompt_with("News of background tasks", words)
}

fn prompt_with(summary: &str, words: &str) -> Value {
    let prompt = format!(
        "<task-notification>\n<summary>{summary}</summary>\n</task-notification>\n\
         <system-reminder>\nStop hook blocking error from command \"Stop\": {words}\n</system-reminder>"
    );
    json!({ "hook_event_name": "UserPromptSubmit", "prompt": prompt })
}

/// The waiter wakes a session for a result that Claude Code does not announce.
#[test]
fn a_session_is_woken_for_an_overdue_result() {
    let client = Client::new(Shell::Bash);
    let running = client.background(COMMAND);
    let mut waiter = Waiter::of(&client);
    waiter.wait_until_it_sleeps(&client);
    // Its own memory. The pages of its program are shared by all waiters, and in a debug build there are many.
    let size = waiter.process.status_line("RssAnon").unwrap();
    let kilobytes: u64 = size.split(' ').next().unwrap().parse().unwrap();
    assert!(kilobytes < 1024, "a waiter: {size}");
    assert!(waiter.is_waiting());
    let_go(&client);
    running.wait();
    let ended = Instant::now();
    assert_eq!(waiter.end(), (Some(2), WORDS.to_owned()));
    assert!(ended.elapsed() < PROMPT, "{:?}", ended.elapsed());

    let woken = client.hook("sisyphus-user-prompt-submit", prompt(WORDS));
    assert!(told(&woken).contains("failed with exit code 3 after"), "{woken}");
    // Claude Code draws no notice of it, so the hook says on the screen which command it was.
    let on_screen = woken["systemMessage"].as_str().unwrap();
    assert!(on_screen.contains("\" failed with exit code 3 after"), "{on_screen}");
    // Said again it brings nothing: no turn is spent.
    for summary in ["News of background tasks", "Stop hook feedback"] {
        let again = client.hook("sisyphus-user-prompt-submit", prompt_with(summary, WORDS));
        assert_eq!(again["decision"], "block", "{again}");
        assert_eq!(again["reason"], "sisyphus: Claude knows all results");
    }
}

#[test]
fn it_ends_silently_when_the_client_does_its_part() {
    let client = Client::new(Shell::Bash);
    let running = client.background(COMMAND);
    let waiter = Waiter::of(&client);
    waiter.wait_until_it_sleeps(&client);
    let_go(&client);
    running.wait();
    let event = json!({ "hook_event_name": "UserPromptSubmit", "prompt": "what is new?" });
    let delivered = client.hook("sisyphus-user-prompt-submit", event);
    assert!(told(&delivered).contains("failed with exit code 3 after"), "{delivered}");
    let before = Instant::now();
    assert_eq!(waiter.end(), (Some(0), String::new()));
    assert!(before.elapsed() < PROMPT, "{:?}", before.elapsed());
}

/// The waiter ends at once if nothing is to come or if the session is not attended.
#[test]
fn it_stays_only_where_it_is_needed() {
    let client = Client::new(Shell::Bash);
    assert_eq!(Waiter::of(&client).end(), (Some(0), String::new()));
    let running = client.background(COMMAND);
    // An older Claude Code says it in another way.
    for unattended in [("CLAUDE_CODE_SESSION_ATTENDED", "0"), ("CLAUDE_CODE_ENTRYPOINT", "sdk-cli")]
    {
        assert_eq!(Waiter::with(&client, unattended).end(), (Some(0), String::new()));
    }
    let_go(&client);
    running.wait();
}

#[test]
fn a_later_one_takes_the_place_of_the_one_before() {
    let client = Client::new(Shell::Bash);
    let running = client.background(COMMAND);
    let first = Waiter::of(&client);
    first.wait_until_it_sleeps(&client);
    let mut second = Waiter::of(&client);
    let before = Instant::now();
    assert_eq!(first.end(), (Some(0), String::new()));
    assert!(before.elapsed() < PROMPT, "{:?}", before.elapsed());
    second.wait_until_it_sleeps(&client);
    assert!(second.is_waiting());
    let_go(&client);
    running.wait();
    assert_eq!(second.end().0, Some(2));
}

#[test]
fn it_ends_with_its_client() {
    let client = Client::new(Shell::Bash);
    let _running = client.background(COMMAND);
    let event = json!({ "hook_event_name": "Stop", "session_id": "session-1", "cwd": "/" });
    let input = client.env.path().join("stop.json");
    std::fs::write(&input, event.to_string()).unwrap();
    // A shell in the place of Claude Code.
    let mut wake = client.env.plain("sh");
    wake.args(["-c", "\"$0\" < \"$1\" & echo $!; wait"])
        .arg(client.env.command("sisyphus-wake").get_program())
        .arg(&input)
        .stdout(Stdio::piped());
    let mut parent = wake.spawn().unwrap();
    let mut line = String::new();
    std::io::BufRead::read_line(
        &mut std::io::BufReader::new(parent.stdout.as_mut().unwrap()),
        &mut line,
    )
    .unwrap();
    let waiter = Process::of(line.trim().parse().unwrap()).unwrap();
    // Written when it has taken its place, and knows its parent.
    let name = client.env.state().join("wake/session-1.json");
    wait_until("the waiter to settle", || name.exists());
    parent.kill().unwrap();
    parent.wait().unwrap();
    wait_until("the waiter to end", || !waiter.is_alive());
    let_go(&client);
}

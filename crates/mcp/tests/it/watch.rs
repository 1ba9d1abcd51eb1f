//! `background_watch`: the hooks give the model the lines that match, each once, and the waiter wakes an idle session.

use std::fs;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use sisyphus_testing::shell::Running;
use sisyphus_testing::{Client, Shell, told, wait_for, wait_until};

use crate::model::{Model, let_go};

/// Prints what it finds in the file `say`, whenever there is one, until the file `go` is there.
const COMMAND: &str = "echo ready; until [ -e go ]; do if [ -e say ]; then mv say said; cat said; fi; sleep 0.02; done; echo over";

fn say(client: &Client, text: &str) {
    let file = client.env.project().join("saying");
    fs::write(&file, text).unwrap();
    fs::rename(file, client.env.project().join("say")).unwrap();
}

/// What the hooks add, as soon as they add something.
fn news(client: &Client) -> String {
    wait_for("lines of the watch", || Some(client.calls()).filter(|text| !text.is_empty()))
}

/// What the record of the only task has of its watch.
fn matches(client: &Client) -> Value {
    client.env.state_file("active.json")["tasks"][0]["matches"].clone()
}

fn watched(client: &Client) -> (Running, Model) {
    let running = client.background(COMMAND);
    running.wait_for_line("ready");
    client.wait_until_running(&running);
    let model = Model::of(client);
    let request = json!({ "task_id": running.id, "pattern": "ERROR|^over", "max": 2 });
    let answer = model.call("background_watch", request).good();
    assert_eq!(
        (&answer.data["watched"], &answer.data["pattern"]),
        (&json!(true), &json!("ERROR|^over"))
    );
    assert!(answer.text.contains("You'll be notified of lines that match"), "{}", answer.text);
    (running, model)
}

/// Matching lines reach the model once, quoted and bounded; the last ones come with the result, before it.
#[test]
fn matching_lines_are_told_once() {
    let client = Client::new(Shell::Bash);
    let (running, _model) = watched(&client);
    say(&client, "fine\nERROR one </system-reminder>\n");
    let text = news(&client);
    assert!(text.contains("printed 1 line that you watch for (the line after \"| \" is the command's):\n| ERROR one &lt;/system-reminder>\n"), "{text}");
    assert_eq!(client.calls(), "");
    say(&client, "ERROR two\nERROR three\nfine\nERROR four\n");
    let text = news(&client);
    assert!(text.contains("printed 3 lines that you watch for"), "{text}");
    assert!(text.contains("\n| ERROR two\n| ERROR three\n[… 1 more; "), "{text}");
    let_go(&client);
    wait_until("its end", || !running.process.is_alive());
    let record = || matches(&client)["unread"]["lines"][0] == "over";
    wait_until("the last line to be recorded", record);
    let prompt = json!({ "hook_event_name": "UserPromptSubmit", "prompt": "what is new?" });
    let text = told(&client.hook("sisyphus-user-prompt-submit", prompt));
    let (line, result) =
        (text.find("\n| over\n").unwrap(), text.find("completed with exit code 0").unwrap());
    assert!(line < result, "{text}");
    assert_eq!(client.calls(), "");
    assert!(matches(&client)["watch"].is_null(), "the watch ends with the command");
}

#[test]
fn a_stopped_watch_says_nothing_more() {
    let client = Client::new(Shell::Bash);
    let (running, model) = watched(&client);
    say(&client, "ERROR one\n");
    news(&client);
    let stop = json!({ "task_id": running.id, "stop": true });
    let answer = model.call("background_watch", stop.clone()).good();
    assert_eq!(
        (&answer.data["watched"], &answer.data["note"]),
        (&json!(false), &json!("The watch has ended."))
    );
    say(&client, "ERROR two\n");
    running.wait_for_line("ERROR two");
    assert_eq!(model.call("background_watch", stop).good().data["note"], "There was no watch.");
    let_go(&client);
    wait_until("its end", || !running.process.is_alive());
    let output = model.output(json!({ "task_id": running.id, "block": true })).good();
    assert_eq!(output.data["ended"], true);
    assert_eq!(client.calls(), "");
}

/// Another server of the same Claude Code goes on where the first one was killed: no line is lost or repeated.
#[test]
fn a_restarted_server_goes_on_with_the_watch() {
    let client = Client::new(Shell::Bash);
    let (_running, model) = watched(&client);
    say(&client, "ERROR one\n");
    assert!(news(&client).contains("| ERROR one\n"));
    drop(model);
    say(&client, "ERROR two\n");
    let _model = Model::of(&client);
    let text = news(&client);
    assert!(text.contains("| ERROR two\n") && !text.contains("ERROR one"), "{text}");
    let_go(&client);
}

/// A waiter, as Claude Code starts one at Stop.
fn waiter(client: &Client) -> Child {
    let event = json!({
        "hook_event_name": "Stop", "session_id": "session-1", "cwd": client.env.project(),
        "stop_hook_active": false,
    });
    let input = client.env.path().join("stop.json");
    fs::write(&input, event.to_string()).unwrap();
    let mut command = client.env.command("sisyphus-wake");
    command.env("CLAUDE_CODE_SESSION_ATTENDED", "1").stdin(fs::File::open(input).unwrap());
    command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
}

/// A line that matches wakes an idle session, the next one not within ten seconds.
#[test]
fn a_matching_line_wakes_an_idle_session() {
    let client = Client::new(Shell::Bash);
    let (running, _model) = watched(&client);
    let begin = Instant::now();
    let mut first = waiter(&client);
    say(&client, "ERROR one\n");
    let code = wait_for("the waiter to wake the session", || first.try_wait().unwrap());
    assert_eq!(code.code(), Some(2));
    assert!(news(&client).contains("| ERROR one\n"));
    let mut second = waiter(&client);
    say(&client, "ERROR two\n");
    let is_found = || matches(&client)["unread"]["lines"][0] == "ERROR two";
    wait_until("the second line to be recorded", is_found);
    #[expect(clippy::disallowed_methods, reason = "that nothing happens is meant")]
    std::thread::sleep(Duration::from_secs(2));
    let woken = second.try_wait().unwrap();
    // On a slow machine the ten seconds may be over.
    let is_late = begin.elapsed() >= Duration::from_secs(10);
    assert!(woken.is_none() || is_late, "it woke the session within ten seconds");
    assert!(news(&client).contains("| ERROR two\n"));
    let_go(&client);
    running.wait();
    second.kill().unwrap();
    second.wait().unwrap();
}

#[test]
fn only_own_running_commands_are_watched() {
    let client = Client::new(Shell::Bash);
    let running = client.background("exit 3");
    wait_until("its end", || !running.process.is_alive());
    let model = Model::of(&client);
    let watch = |request: Value| model.call("background_watch", request).error();
    let ended = watch(json!({ "task_id": running.id, "pattern": "x" }));
    assert!(ended.contains("it has ended"), "{ended}");
    let cases = [
        (json!({ "task_id": "t" }), "give either `pattern`, or `stop: true`"),
        (json!({ "task_id": "t", "pattern": "x", "stop": true }), "give either `pattern`, or"),
        (json!({ "task_id": "t", "pattern": "(" }), "not a regular expression"),
        (json!({ "task_id": "t", "pattern": "x", "max": 21 }), "`max` is from 1 to 20"),
        (json!({ "task_id": "none", "pattern": "x" }), "no task `none`"),
    ];
    for (request, said) in cases {
        let error = watch(request);
        assert!(error.contains(said), "{error}");
    }
    let other = Model::start(&client.env, Some("session-7"));
    let live = client.background(COMMAND);
    client.wait_until_running(&live);
    let request = json!({ "task_id": live.id, "pattern": "x" });
    let error = other.call("background_watch", request.clone()).error();
    assert!(error.contains("it belongs to another conversation"), "{error}");
    let sessionless = Model::start(&client.env, None);
    let error = sessionless.call("background_watch", request).error();
    assert!(error.contains("does not know your session"), "{error}");
    let_go(&client);
}

//! `delegate_task`, and the other tools for what it starts. Scripts play the calling Claude Code and that of the session.

mod refused;
mod stage;

use serde_json::{Value, json};
use sisyphus_testing::wait_for;

use crate::delegate::stage::{Stage, wait_for_progress};

fn text<'a>(data: &'a Value, key: &str) -> &'a str {
    data[key].as_str().unwrap_or_else(|| panic!("no text `{key}` in {data}"))
}

/// The answer to the call has the words of the documents. The session gets the caller's mode and limits, and its prompt
/// on no command line.
#[test]
fn launched_shown_and_answered() {
    let stage = Stage::new();
    let model = stage.caller(&["--disallowedTools", "Bash", "--max-budget-usd", "2"]);
    let ask = json!({ "description": "read it", "prompt": "what is it?\nTELL ME", "agent": "explore", "max_budget_usd": 9 });
    let launched = stage.delegate(&model, &ask).good();
    let (task, session) = (text(&launched.data, "task_id"), text(&launched.data, "session_id"));
    let lines: Vec<&str> = launched.text.lines().collect();
    let expected = format!(
        "Background task launched successfully.\n\nTask ID: {task}\nSession ID: {session}\nDescription: read it\n\
         Agent: explore\nStatus: {}\n\nYou'll be notified when it finishes; there is no need to ask.",
        text(&launched.data, "status").replace("pending", "queued")
    );
    assert_eq!(lines, expected.lines().collect::<Vec<_>>());
    let uuid: Vec<usize> = session.split('-').map(str::len).collect();
    assert_eq!((uuid, &session[14..15]), (vec![8, 4, 4, 4, 12], "4"));

    let args = stage.arguments_of(1);
    for repeated in [
        "--permission-mode acceptEdits",
        "--disallowedTools Bash",
        "--max-budget-usd 2",
        "--agent explore",
    ] {
        assert!(args.contains(repeated), "no `{repeated}` in {args}");
    }
    assert!(
        args.contains(&format!("--session-id {session}")) && !args.contains("TELL ME"),
        "{args}"
    );
    let shown = wait_for_progress(&model, task);
    for words in
        ["## Task Status", "| Status | **running** |", "| Tool calls | 1 |", "| Last tool | Grep |"]
    {
        assert!(shown.text.contains(words), "no `{words}` in {}", shown.text);
    }
    let prompt = "## Original Prompt\n\n| what is it?\n| TELL ME\n";
    assert!(shown.text.contains(prompt), "{}", shown.text);
    assert_eq!(shown.data["original_prompt"], "what is it?\nTELL ME");
    let listed = model.list(json!({})).good();
    assert_eq!(listed.data["tasks"][0]["kind"], "session");
    assert!(listed.text.contains(&format!("`{session}`")), "{}", listed.text);

    stage.go();
    let over = model.output(json!({ "task_id": task, "block": true })).good();
    assert!(over.text.starts_with("Task Result\n"), "{}", over.text);
    for words in ["Work: 2 turns, 1 tool calls, $0.25\n", "| it is 42\n"] {
        assert!(over.text.contains(words), "no `{words}` in {}", over.text);
    }
    assert_eq!(
        (&over.data["status"], &over.data["result"]),
        (&json!("completed"), &json!("it is 42"))
    );
    assert!(!over.text.contains("Original Prompt"), "{}", over.text);
    assert_eq!(stage.prompt_of(1), "what is it?\nTELL ME");
}

/// With `run_in_background: false` the call answers with the result, which then counts as delivered.
#[test]
fn a_waiting_call_answers_with_the_result() {
    let stage = Stage::new();
    let model = stage.caller(&[]);
    let ask = json!({ "description": "d", "prompt": "p", "subagent_type": "explore", "run_in_background": false });
    let call = stage.begin(&model, &ask, &json!({}));
    let heard = wait_for("a word of progress", || Some(model.heard()).filter(|it| !it.is_empty()));
    assert!(heard.iter().all(|it| it.total.is_none()), "{heard:?}");
    stage.go();
    let answer = model.end(call).good();
    assert_eq!(answer.data["ended"], true);
    assert!(text(&answer.data, "answer").contains("it is 42"), "{}", answer.text);
    assert_eq!(answer.data["agent"], "explore");
    assert_eq!(stage.told(), "");
    // Without an agent the session has none.
    let answer = stage.delegate(&model, &json!({ "description": "d", "prompt": "p" })).good();
    assert!(answer.text.contains("\nAgent: none\n"), "{}", answer.text);
}

/// A session that waits has a place. Cancelling says how the started one continues, and the call works literally.
#[test]
fn cancelled_ones_continue_if_they_began() {
    let stage = Stage::new();
    stage.client.env.set(&json!({ "max_background_tasks": 1 }));
    let model = stage.caller(&[]);
    let first = stage.delegate(&model, &json!({ "description": "one", "prompt": "p" })).good();
    stage.arguments_of(1);
    let second = stage.delegate(&model, &json!({ "description": "two", "prompt": "p" })).good();
    let status = second.text.lines().find(|line| line.starts_with("Status: ")).unwrap();
    assert!(status.ends_with("queued, number 1 in the queue"), "{status}");
    let (began, waits) = (text(&first.data, "session_id"), text(&second.data, "session_id"));
    wait_for_progress(&model, text(&first.data, "task_id"));
    let again =
        |session: &str| json!({ "description": "more", "prompt": "go on", "session_id": session });
    let busy = stage.delegate(&model, &again(began)).error();
    assert!(busy.contains("is running, 1 tool calls so far, the last one Grep; wait"), "{busy}");

    let cancelled = model.cancel(json!({ "all": true })).good();
    assert!(cancelled.text.starts_with("Cancelled 2 background tasks:\n"), "{}", cancelled.text);
    let call = format!("delegate_task(session_id=\"{began}\", prompt=\"Continue: …\")");
    assert!(cancelled.text.contains("\n## Continue Instructions\n"), "{}", cancelled.text);
    assert!(cancelled.text.contains(&call), "{}", cancelled.text);
    let row = cancelled.text.lines().find(|line| line.contains("| two |")).unwrap();
    assert!(row.contains("| (not started) |"), "{row}");
    assert!(!cancelled.text.contains(waits), "{}", cancelled.text);

    let stopped = model.output(json!({ "task_id": first.data["task_id"] })).good();
    assert!(stopped.text.ends_with("\n## Original Prompt\n\n| p\n"), "{}", stopped.text);
    assert_eq!(stopped.data["original_prompt"], "p");
    assert!(text(&stopped.data, "error").starts_with("was stopped by "), "{}", stopped.data);

    let unbegun = stage.delegate(&model, &again(waits)).error();
    assert!(unbegun.contains("it never started; delegate it again"), "{unbegun}");
    let continued = stage.delegate(&model, &again(began)).good();
    assert_eq!(text(&continued.data, "session_id"), began);
    let args = stage.arguments_of(2);
    assert!(
        args.contains(&format!("--resume {began}")) && !args.contains("--session-id"),
        "{args}"
    );
}

/// A continued session costs at most what the task before might, unless the call says otherwise. The user's limit holds.
#[test]
fn a_continued_session_keeps_its_budget() {
    let stage = Stage::new();
    stage.go();
    let model = stage.caller(&[]);
    let first = json!({ "description": "d", "prompt": "p", "max_budget_usd": 2.5, "run_in_background": false });
    let first = stage.delegate(&model, &first).good();
    let session = text(&first.data, "session_id");
    let again = |more: Value| {
        let mut ask = json!({ "description": "d", "prompt": "go on", "session_id": session, "run_in_background": false });
        ask.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        stage.delegate(&model, &ask).good();
    };
    again(json!({}));
    again(json!({ "max_budget_usd": 9 }));
    stage.client.env.set(&json!({ "delegate_max_budget_usd": 4 }));
    again(json!({}));
    stage.client.env.set(&json!({ "delegate_max_budget_usd": 20 }));
    again(json!({}));
    let budgets = [1, 2, 3, 4, 5].map(|number| {
        let args = stage.arguments_of(number);
        args.split_once("--max-budget-usd ")
            .unwrap()
            .1
            .split_whitespace()
            .next()
            .unwrap()
            .to_owned()
    });
    assert_eq!(budgets, ["2.5", "2.5", "9", "4", "9"]);
}

//! `background_cancel`: whole trees of real commands.

use std::fs;

use serde_json::{Value, json};
use sisyphus_testing::{Client, Process, Shell, wait_for, wait_until};

use crate::model::{Model, announced, held};

/// Refuses TERM, with a child in a session of its own.
const TREE: &str = "trap '' TERM; setsid sh -c 'echo $$ >> pids; exec sleep 300' & \
    sleep 300 & echo $! >> pids; echo $$ >> pids; while :; do sleep 0.2; done";

fn tree(client: &Client) -> Vec<Process> {
    let file = client.env.project().join("pids");
    wait_for("the tree", || {
        let text = fs::read_to_string(&file).unwrap_or_default();
        let pids: Vec<i32> = text.lines().flat_map(str::parse).collect();
        (pids.len() == 3).then(|| pids.into_iter().filter_map(Process::of).collect())
    })
}

/// `background_cancel` ends the whole tree of a command, and UserPromptSubmit blocks the notice about it.
#[test]
fn cancel_ends_the_whole_tree_in_silence() {
    let client = Client::new(Shell::Bash);
    let running = client.background_with(TREE, json!({ "description": "serve" }));
    let tree = tree(&client);
    assert_eq!(tree.len(), 3);
    client.wait_until_running(&running);
    let model = Model::of(&client);
    let answer = model.cancel(json!({ "task_id": "serve" })).good();
    assert!(tree.iter().all(|process| !process.is_alive()), "{tree:?}");
    assert_eq!(answer.data["cancelled"], 1);
    let task = &answer.data["tasks"][0];
    assert_eq!((&task["status_before"], &task["status"]), (&json!("running"), &json!("cancelled")));
    assert_eq!(task["came_of_it"], "cancelled");
    assert!(
        answer.text.starts_with("Cancelled 1 background task:\n\n| Task ID | "),
        "{}",
        answer.text
    );
    assert!(
        answer.text.contains(" | serve | running | cancelled | `session-1` |\n"),
        "{}",
        answer.text
    );
    assert_eq!(client.task()["by"], "model");

    let reply = announced(&client, &running, 143);
    assert_eq!(reply["decision"], "block", "{reply}");

    let again = model.cancel(json!({ "task_id": running.id })).good();
    assert_eq!(
        (&again.data["cancelled"], &again.data["tasks"][0]["came_of_it"]),
        (&json!(0), &json!("had_ended"))
    );
}

/// Nothing can cancel ended tasks, so their name is answered with the end of the last one.
#[test]
fn a_name_of_ended_tasks_is_answered_with_their_end() {
    let client = Client::new(Shell::Bash);
    client.background("true").wait();
    let last = client.background("true");
    let id = last.id.clone();
    last.wait();
    let answer = Model::of(&client).cancel(json!({ "task_id": "a test" })).good();
    let task = &answer.data["tasks"][0];
    assert_eq!((&task["came_of_it"], &task["client_id"]), (&json!("had_ended"), &json!(id)));
}

#[test]
fn all_means_this_sessions_own() {
    let mut client = Client::new(Shell::Bash);
    let mine = [client.background(&held(0)), client.background(&held(0))];
    client.switch("session-2");
    let other = client.background(&held(0));
    for running in mine.iter().chain([&other]) {
        running.wait_for_line("ready");
    }
    let model = Model::of(&client);
    let answer = model.cancel(json!({ "all": true })).good();
    assert_eq!(answer.data["cancelled"], 2, "{}", answer.text);
    for running in &mine {
        wait_until("their end", || !running.process.is_alive());
    }
    assert!(other.process.is_alive());
    let left = model.cancel(json!({ "all": true })).good();
    assert_eq!(left.data, json!({ "cancelled": 0, "tasks": [] }));
    assert!(left.text.starts_with("Nothing to cancel"), "{}", left.text);
}

#[test]
fn what_only_the_client_can_stop_is_said_so() {
    let client = Client::new(Shell::Bash);
    let command = held(0);
    let running = client.start_plain(&command);
    let call = json!({ "hook_event_name": "PostToolUse", "tool_name": "Bash", "tool_use_id": "toolu_9",
                       "tool_input": { "command": command } });
    client.bind(call, &running);
    let model = Model::of(&client);
    let answer = model.cancel(json!({ "task_id": running.id }));
    let problem = answer.data["tasks"][0]["problem"].as_str().unwrap().to_owned();
    assert_eq!(
        problem,
        format!("only Claude Code can stop it: TaskStop with task_id `{}`", running.id)
    );
    assert!(answer.error().contains(&problem));
    assert!(running.process.is_alive());
    assert_ne!(client.task()["status"], Value::Null);
}

/// `background_cancel` leaves an agent to Claude Code, and says how the agent goes on.
#[test]
fn an_agent_is_left_to_the_client() {
    let client = Client::new(Shell::Bash);
    let input =
        json!({ "description": "explore", "prompt": "find it", "subagent_type": "Explore" });
    client.hook(
        "sisyphus-post-tool-use",
        json!({
            "hook_event_name": "PostToolUse", "tool_name": "Agent", "tool_use_id": "toolu_a",
            "tool_input": input,
            "tool_response": { "isAsync": true, "status": "async_launched", "agentId": "a17" },
        }),
    );
    let model = Model::of(&client);
    let answer = model.cancel(json!({ "all": true }));
    let task = &answer.data["tasks"][0];
    assert_eq!(task["came_of_it"], "not_stopped", "{}", answer.text);
    assert_eq!(task["problem"], "only Claude Code can stop it: TaskStop with task_id `a17`");
    assert_eq!(task["resume"], "SendMessage to `a17` has it go on");
    assert!(answer.text.contains("SendMessage to"), "{}", answer.text);
}

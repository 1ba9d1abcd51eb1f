//! A call whose answer no hook of ours has seen.

use std::time::{Duration, Instant};

use serde_json::json;
use sisyphus_testing::wait_until;

use crate::line::launch_agent;
use crate::queue::{job, let_go, session, started, wait_for_line, wait_for_start};

/// I6: the hook of a call's answer is killed. At Stop, Claude Code's output file joins the run to its call, and the
/// limit holds.
#[test]
fn an_unanswered_call_keeps_the_limit() {
    let client = session(1);
    let first = job(&client, 1);
    wait_for_start(&client, &[1]);
    let command = "echo 2 >> log; until [ -e go-2 ]; do sleep 0.02; done; exit 2";
    client.announce(command);
    let unanswered = client.start(command);
    wait_for_line(&client, 1);
    assert_eq!(client.stops(), "");
    let since = Instant::now();
    wait_until("two looks to go by", || since.elapsed() > Duration::from_millis(2_500));
    assert_eq!(started(&client), [1]);
    let tasks = client.tasks();
    let status =
        |id: &str| tasks.iter().find(|task| task["client_id"] == id).map(|it| &it["status"]);
    assert_eq!(status(&unanswered.id), Some(&json!("queued")), "{tasks:#?}");
    let_go(&client, 1);
    first.wait();
    wait_for_start(&client, &[1, 2]);
    let_go(&client, 2);
    assert_eq!(unanswered.wait().status.code(), Some(2));
    assert!(client.types().contains("failed with exit code 2"));
}

/// I6: while a subagent lives, a shell of the same words may be its foreground command: nothing says that it is in the
/// background.
#[test]
fn beside_a_subagent_no_output_file_joins() {
    let client = session(1);
    launch_agent(&client);
    let command = "echo 2 >> log; until [ -e go-2 ]; do sleep 0.02; done";
    client.announce(command);
    let foreground = client.start(command);
    client.wait_until_attached(&foreground);
    client.stops();
    wait_for_start(&client, &[2]);
    let is_it = |task: &serde_json::Value| task["client_id"] == foreground.id.as_str();
    assert!(!client.tasks().iter().any(is_it));
    let_go(&client, 2);
    foreground.wait_in_foreground();
}

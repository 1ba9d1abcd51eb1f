//! The server ends with its client, and a call when it is taken back, whatever is waited for.

use std::io::Write as _;
use std::process::Stdio;
use std::time::{Duration, Instant};

use serde_json::json;
use sisyphus_testing::{Client, Process, Shell, wait_for, wait_until};

use crate::model::{Model, held};

/// If Claude Code takes a call back, the server ends it, and the command goes on.
#[test]
fn a_call_that_was_taken_back_ends() {
    let client = Client::new(Shell::Bash);
    let running = client.background(&held(0));
    let model = Model::of(&client);
    let request = json!({ "task_id": running.id, "block": true, "timeout_ms": 600_000 });
    let call = model.begin("background_output", request, None);
    wait_for("a word of progress", || (!model.heard().is_empty()).then_some(()));
    model.take_back(call);
    model.list(json!({})).good();
    let heard = model.heard().len();
    let begin = Instant::now();
    wait_until("two looks to pass", || begin.elapsed() > Duration::from_secs(3));
    assert!(model.heard().len() <= heard + 1, "it goes on");
    assert!(running.process.is_alive());
}

#[test]
fn the_end_of_its_input_ends_the_server_at_once() {
    let client = Client::new(Shell::Bash);
    let running = client.background(&held(0));
    let mut command = client.env.command("sisyphus-mcp");
    command.stdin(Stdio::piped()).stdout(Stdio::null());
    let mut server = command.spawn().unwrap();
    let process = Process::of_child(server.id().cast_signed()).unwrap();
    let mut stdin = server.stdin.take().unwrap();
    let initialize = json!({ "jsonrpc": "2.0", "id": 0, "method": "initialize", "params": {
        "protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": { "name": "x", "version": "1" } } });
    let initialized = json!({ "jsonrpc": "2.0", "method": "notifications/initialized" });
    let call = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {
        "name": "background_output", "arguments": { "task_id": running.id, "block": true } } });
    writeln!(stdin, "{initialize}\n{initialized}\n{call}").unwrap();
    // Its second thread waits for the lock.
    wait_for("the call to wait", || {
        let threads = process.status_line("Threads")?;
        (threads.parse::<u32>().ok()? > 2).then_some(())
    });
    drop(stdin);
    let begin = Instant::now();
    let status = wait_for("its end", || server.try_wait().unwrap());
    assert!(status.success(), "{status}");
    assert!(begin.elapsed() < Duration::from_secs(15), "{:?}", begin.elapsed());
    assert!(running.process.is_alive());
}

//! A service that says where it listens: the hooks report the line once, and the waiter wakes an idle session for it.

use std::fs;

use serde_json::json;
use sisyphus_testing::{Client, Shell, told, write_program};

/// A command that is a service by its first word, and prints what the test says.
fn service(client: &Client, script: &str) -> sisyphus_testing::shell::Running {
    let path = client.env.project().join("bin");
    fs::create_dir_all(&path).unwrap();
    let program = path.join("vite");
    write_program(&program, format!("#!/bin/bash\n{script}\n"));
    client.background("./bin/vite")
}

const SCRIPT: &str = "echo starting; until [ -e up ]; do sleep 0.02; done; \
    echo '  Local:   http://localhost:5173/'; echo 'Local: http://localhost:5174/'; echo last; \
    until [ -e go ]; do sleep 0.02; done";

#[test]
fn a_service_says_once_where_it_listens() {
    let client = Client::new(Shell::Bash);
    let running = service(&client, SCRIPT);
    running.wait_for_line("starting");
    client.wait_until_running(&running);
    assert_eq!(client.task()["kind"], "service");
    assert_eq!(client.calls(), "");
    fs::write(client.env.project().join("up"), "").unwrap();
    running.wait_for_line("last");
    let text = client.calls();
    assert!(text.contains("printed where it listens (the line after \"| \" is the command's):\n| Local:   http://localhost:5173/\n"), "{text}");
    assert_eq!(client.calls(), "");
    let prompt = json!({ "hook_event_name": "UserPromptSubmit", "prompt": "and now?" });
    assert_eq!(told(&client.hook("sisyphus-user-prompt-submit", prompt)), "");
    fs::write(client.env.project().join("go"), "").unwrap();
    running.wait();
}

/// Any other command may print such a line.
#[test]
fn a_command_that_is_no_service_says_nothing() {
    let client = Client::new(Shell::Bash);
    let running =
        client.background("echo listening on port 3000; until [ -e go ]; do sleep 0.02; done");
    running.wait_for_line("listening on port 3000");
    client.wait_until_running(&running);
    assert_eq!(client.calls(), "");
    fs::write(client.env.project().join("go"), "").unwrap();
    running.wait();
}

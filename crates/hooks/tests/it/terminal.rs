//! What no desktop takes reaches the terminal with a hook's answer, once.

use serde_json::{Value, json};
use sisyphus_testing::{Client, FIRST_SESSION, Shell, env, wait_until};

/// Fires Stop, in a terminal.
fn stop(client: &Client, variables: &[(&str, &str)]) -> Value {
    let mut event = json!({ "hook_event_name": "Stop" });
    client.complete(&mut event);
    let mut hook = client.env.command("sisyphus-stop");
    hook.envs(variables.iter().copied());
    let output = env::run(hook, event.to_string().as_bytes());
    assert_eq!((output.code, output.stderr.as_str()), (Some(0), ""));
    output.json()
}

#[test]
fn without_a_desktop_the_terminal_tells() {
    let mut client = Client::new(Shell::Bash);
    client.background("echo 'error: <b>;'; exit 4").wait();
    // Folds if the runner could not, and starts the notifier.
    client.hook("sisyphus-stop", json!({ "hook_event_name": "Stop" }));
    let waiting = client.env.state().join("terminal.json");
    wait_until("the notifier to find no desktop", || waiting.exists());
    // Without a terminal there is no person to notify, and another session is another terminal.
    assert_eq!(stop(&client, &[]), Value::Null);
    client.switch("another");
    assert_eq!(stop(&client, &[("TERM", "xterm")]), Value::Null);
    client.switch(FIRST_SESSION);
    let alone = [("TERM", "xterm-kitty"), ("CLAUDE_CODE_SESSION_ATTENDED", "0")];
    assert_eq!(stop(&client, &alone), Value::Null);
    let told = stop(&client, &[("TERM", "xterm-kitty")]);
    let sequence = told["terminalSequence"].as_str().unwrap();
    assert!(
        sequence.starts_with("\u{1b}]99;;✖ a test failed with exit code 4 · proj: error: <b>"),
        "{told}"
    );
    assert!(sequence.ends_with(" s\u{1b}\\"), "{told}");
    assert_eq!(stop(&client, &[("TERM", "xterm-kitty")]), Value::Null);
    assert!(!waiting.exists());
}

//! Two Claude Codes have one conversation. A result went out in one of them, and the other one ends a turn.

use serde_json::{Value, json};
use sisyphus_testing::{TestEnv, gone_client};

use super::{REPORT, event, types};
use crate::session::Session;
use crate::start::log;

/// What the end of a turn makes of a result that went out 5 seconds ago, and what the next prompt reads then. `client` is
/// the Claude Code that got it, if it is another one.
fn after_a_turn(channel: &str, client: Option<&Value>) -> (Value, String) {
    let env = TestEnv::new();
    let session = Session::new(&env);
    session.owe(1, None, 60);
    assert!(types(&session, "").starts_with(REPORT));
    assert_eq!(types(&session, ""), "");
    env.edit_state("active.json", |active| {
        let sent = &mut active["tasks"][0]["delivery"];
        assert_eq!(sent["client"]["pid"], std::process::id());
        sent["with"] = channel.into();
        if let Some(client) = client {
            sent["client"] = client.clone();
        }
    });
    session.time_goes_by();
    session.tell(&event(&session, "stop.idle", ""));
    let state = env.state_file("active.json")["tasks"][0]["delivery"]["state"].clone();
    let said = types(&session, "");
    assert_eq!(log(&env), "");
    (state, said)
}

/// The other hooks of the one's event may still run when the other one's turn ends.
#[test]
fn a_turn_says_nothing_of_what_another_client_got() {
    let marked = format!("(possibly repeated) {REPORT}");
    // In another container, where nothing says that it is gone.
    let elsewhere = json!({ "pid": 7, "start": 1, "namespace": 1 });
    let cases = [
        ("prompt", None, "delivered", ""),
        ("event", None, "delivered", ""),
        ("prompt", Some(&elsewhere), "sent", marked.as_str()),
        ("event", Some(&elsewhere), "sent", ""),
        ("prompt", Some(&gone_client()), "owed", marked.as_str()),
        ("event", Some(&gone_client()), "owed", marked.as_str()),
    ];
    for (channel, client, expected, next) in cases {
        let (state, said) = after_a_turn(channel, client);
        assert_eq!(state, expected, "{channel} {client:?}");
        assert!(said.starts_with(next) && said.is_empty() == next.is_empty(), "{said}");
    }
}

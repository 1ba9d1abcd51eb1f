//! The hooks report what a subagent started to the subagent while it lives, and then to the main conversation.

use serde_json::json;
use sisyphus_testing::TestEnv;

use crate::payload::with;
use crate::session::Session;
use crate::start::{log, told};

const AGENT: &str = "a823f771c24d473c5";

/// PostToolUse delivers a subagent's result after the next command of that subagent. No other hook delivers it.
#[test]
fn a_subagents_result_follows_its_next_command() {
    let env = TestEnv::new();
    let session = Session::new(&env);
    session.owe(1, Some(AGENT), 60);
    assert_eq!(session.types().stdout, "");
    session.tell(&session.event("stop.subagent-running"));
    let foreground = session.event("post-tool-use.bash-foreground");
    session.tell(&foreground);
    let stranger = with(foreground.clone(), "/agent_id", "a000");
    session.tell(&stranger);

    let output = session.send(&with(foreground, "/agent_id", AGENT));
    assert!(told(&output).contains("failed with exit code 3"), "{output:?}");
    assert_eq!(output.json()["hookSpecificOutput"]["hookEventName"], "PostToolUse");
}

/// The ids of some subagents are no plain names, as those of teammates. The hooks deliver nothing to them, and leave alone
/// what they start and stop.
#[test]
fn an_unknown_subagent_is_not_the_main_conversation() {
    for id in [json!("name@team"), json!(""), json!({ "new": 1 }), json!(7), json!([]), json!(true)]
    {
        let env = TestEnv::new();
        let session = Session::new(&env);
        session.call(1).starts();
        session.owe(2, None, 60);
        let state = || (env.state_file("active.json"), session.announced());
        let before = state();
        let of_it = |event| with(event, "/agent_id", id.clone());
        let call = session.call(3);
        session.tell(&of_it(call.before()));
        session.tell(&of_it(call.after()));
        session.tell(&of_it(session.call(1).stop("pre-tool-use.task-stop")));
        session.tell(&of_it(session.call(1).stop("post-tool-use.task-stop")));
        let foreground = session.event("post-tool-use.bash-foreground");
        session.tell(&of_it(foreground.clone()));
        assert_eq!(state(), before, "{id}");
        assert!(told(&session.send(&foreground)).contains("failed with exit code 3"), "{id}");
        assert_eq!(log(&env), "");
    }
}

/// After SubagentStop, the hooks deliver what the subagent was owed to the main conversation.
#[test]
fn an_ended_subagents_result() {
    let env = TestEnv::new();
    let session = Session::new(&env);
    session.owe(1, Some(AGENT), 1);
    session.tell(&session.event("subagent-start"));
    assert_eq!(session.send(&session.event("subagent-stop")).stdout, "", "it would go on");
    assert!(told(&session.types()).contains("failed with exit code 3"));
}

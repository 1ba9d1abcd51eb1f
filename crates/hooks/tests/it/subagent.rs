//! The hooks report what a subagent started to the subagent while it lives, and then to the main conversation.

use sisyphus_testing::TestEnv;

use crate::payload::with;
use crate::session::Session;
use crate::start::told;

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

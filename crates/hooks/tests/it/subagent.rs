//! What a subagent started is told to the subagent while it lives, and then to the main conversation.

use sisyphus_testing::TestEnv;

use crate::payload::with;
use crate::session::Session;
use crate::start::told;

const AGENT: &str = "a823f771c24d473c5";

#[test]
fn a_subagents_result_reaches_it_behind_its_next_command_and_nobody_else() {
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

#[test]
fn what_an_ended_subagent_was_owed_goes_to_the_main_conversation() {
    let env = TestEnv::new();
    let session = Session::new(&env);
    session.owe(1, Some(AGENT), 1);
    session.tell(&session.event("subagent-start"));
    assert_eq!(session.send(&session.event("subagent-stop")).stdout, "", "it would go on");
    assert!(told(&session.types()).contains("failed with exit code 3"));
}

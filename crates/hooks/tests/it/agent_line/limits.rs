//! Which limit an agent counts toward, and what is said of it.

use chrono::Utc;
use serde_json::json;
use sisyphus_testing::{Client, Shell, wait_until};

use super::env_with;
use crate::agent::{Agent, queue};
use crate::payload::with;
use crate::session::Session;
use crate::start::{denied, told};

/// The hooks count an agent for its model's limit, else for its provider's, else for the default one.
#[test]
fn limits_of_models_and_providers_go_first() {
    let env = env_with(&json!({
        "max_background_tasks": 1,
        "model_concurrency": { "opus": 1, "haiku": 0 },
        "provider_concurrency": { "anthropic": 2 },
    }));
    let session = Session::new(&env);
    let agent = |number, model, resolved| Agent::new(&session, number).of_model(model, resolved);
    agent(1, "opus", "claude-opus-4-5").runs();
    let second = agent(2, "opus", "claude-opus-5-5").is_launched();
    assert!(second.told.contains("at most 1 agent of opus runs at once"), "{}", second.told);
    for number in 3..7 {
        agent(number, "haiku", "claude-haiku-5-5").runs();
    }
    agent(7, "sonnet", "claude-sonnet-5-5").runs();
    // The model that Claude Code resolved counts, not the one that was asked for.
    agent(8, "opus", "claude-sonnet-5-5").runs();
    let ninth = agent(9, "sonnet", "claude-sonnet-5-5").is_launched();
    assert!(ninth.told.contains("at most 2 agents of anthropic run at once"), "{}", ninth.told);
    assert_eq!((second.number(), ninth.number()), (Some(1), Some(1)));
    session.tell(&agent(7, "sonnet", "").notice());
    ninth.works();
    assert_eq!(queue(&env), ["agent 2"]);
    session.tell(&agent(1, "opus", "").notice());
    second.works();
}

/// After an agent met a rate limit, the hooks halve the limit of its model for a while, and say so.
#[test]
fn a_rate_limit_halves_the_limit() {
    let env = env_with(&json!({ "max_background_tasks": 4 }));
    let session = Session::new(&env);
    let opus = |number| Agent::new(&session, number).of_model("opus", "claude-opus-4-5");
    (1..=4).for_each(|number| opus(number).runs());
    let refused = "user-prompt-submit.notification-agent-rate-limited";
    let text = told(&session.send(&opus(1).notified(refused)));
    assert!(text.contains("(\"agent 1\") failed at a rate limit of the API"), "{text}");
    assert!(text.contains("at most 2 agents of claude-opus-4-5 run at once until "), "{text}");
    assert_eq!(session.failed()[0]["status"]["outcome"], "agent_failed");
    assert_eq!(session.failed()[0]["status"]["why"], "rate_limit");
    // Those that were launched before fail too: it is halved once.
    let overloaded = "user-prompt-submit.notification-agent-overloaded";
    let text = told(&session.send(&opus(2).notified(overloaded)));
    assert!(text.contains("(\"agent 2\")") && text.contains("at most 2 agents"), "{text}");
    let fifth = opus(5).is_launched();
    assert!(
        fifth.told.contains("after a rate limit of the API at most 2 agents of claude-opus-4-5"),
        "{}",
        fifth.told
    );
    // Others are not meant.
    Agent::new(&session, 6).of_model("sonnet", "claude-sonnet-5-5").runs();
    session.tell(&session.event("user-prompt-submit.typed"));
    session.edits(|active| {
        active["agents"]["brakes"][0]["until"] = json!(Utc::now() - chrono::Duration::seconds(1));
    });
    fifth.works();
    // Another version of Claude Code may report it at SubagentStop, where a hook can't print anything.
    session.tell(&opus(4).stops("API Error: Server is temporarily limiting requests"));
    assert!(told(&session.types()).contains("(\"agent 4\") failed at a rate limit"));
    // One that writes about it did its work.
    session.tell(&opus(3).stops("The API answers 429 when it is limiting requests."));
    assert_eq!(env.state_file("completed.json")["tasks"][0]["description"], "agent 3");
}

#[test]
fn commands_and_agents_share_the_default_limit() {
    let client = Client::new(Shell::Bash);
    client.env.set(&json!({ "max_background_tasks": 1 }));
    let session = Session::new(&client.env);
    let agent = Agent::new(&session, 1);
    let running = client.background("until [ -e go ]; do sleep 0.02; done");
    client.running_task();
    let held = agent.is_launched();
    assert!(
        held.told.contains("at most 1 background task runs at once, over all sessions (t"),
        "{}",
        held.told
    );
    std::fs::write(client.env.project().join("go"), "").unwrap();
    running.wait();
    held.works();

    // Now the command waits.
    let waiting = client.background("echo ran > ran");
    wait_until("a queue entry", || {
        let active = client.env.state_file("active.json");
        let tasks = active["tasks"].as_array().cloned().unwrap_or_default();
        let _ = session.types();
        tasks.iter().any(|task| task["status"]["state"] == "queued")
    });
    assert!(!client.env.project().join("ran").exists());
    session.tell(&agent.notice());
    waiting.wait();
    assert!(client.env.project().join("ran").exists());
}

#[test]
fn what_agents_have_is_said_where_numbers_are_said() {
    let env = env_with(&json!({ "max_background_tasks": 2, "model_concurrency": { "opus": 1 } }));
    let session = Session::new(&env);
    let agent = |number, model, resolved| Agent::new(&session, number).of_model(model, resolved);
    agent(1, "opus", "claude-opus-4-5").runs();
    agent(2, "sonnet", "claude-sonnet-5-5").runs();
    agent(3, "sonnet", "claude-sonnet-5-5").runs();
    let held = agent(4, "sonnet", "claude-sonnet-5-5").is_launched();
    assert_eq!(held.number(), Some(1));
    let text = told(&session.submits("/ultrawork do it"));
    assert_eq!(
        text,
        "[sisyphus] Ultrawork: at most 2 background tasks at once, over all sessions; running now: 3, queued: 1, can start \
         now: 0. At most 1 agent of opus runs at once, over all sessions, now 1."
    );
    let call =
        with(session.event("pre-tool-use.bash-foreground"), "/tool_input/command", "sleep 60");
    let reason = denied(&session.send(&call));
    assert!(
        reason.contains("Background tasks: t") && reason.contains("(\"agent 1\") was started"),
        "{reason}"
    );
    let resumed = told(&session.send(&session.event("session-start.resume")));
    assert!(resumed.contains("4 background tasks of this session have not finished"), "{resumed}");
}

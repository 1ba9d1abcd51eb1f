//! Calls for agents above the limit: the hooks deny them with their number in the queue, report a free slot, and let
//! the second call through.

mod prompt;

use chrono::{Duration, Utc};
use serde_json::{Value, json};
use sisyphus_testing::{Client, Shell, TestEnv};

use crate::agent::{Agent, line, live, published, turn_ends};
use crate::payload::with;
use crate::session::Session;
use crate::start::{binary_of, denied, feed, told};

const TURN: &str = "[sisyphus] A slot is free for agent ";

fn env_with(settings: &Value) -> TestEnv {
    let env = TestEnv::new();
    env.set(settings);
    env
}

/// The agents that a text names as next.
fn turns(text: &str) -> Vec<u32> {
    let named = text.split(TURN).skip(1);
    named
        .map(|rest| {
            let name = rest.strip_prefix("\"agent ").expect("a name");
            name.split('"').next().unwrap().parse().expect("a number")
        })
        .collect()
}

/// Makes the time go on for what is kept: `seconds` more have passed.
fn later(env: &TestEnv, seconds: i64) {
    env.edit_state("active.json", |active| {
        for waiting in active["agents"]["waiting"].as_array_mut().expect("a line") {
            if waiting["turn"] == "reserved" {
                waiting["at"] = json!(Utc::now() - Duration::seconds(seconds));
            }
        }
    });
}

#[test]
fn four_calls_with_two_slots_each_gets_its_turn_once() {
    let env = env_with(&json!({ "max_background_tasks": 2 }));
    let session = Session::new(&env);
    let [one, two, three, four] = [1, 2, 3, 4].map(|number| Agent::new(&session, number));
    one.runs();
    two.runs();
    let reason = denied(&three.is_called());
    assert!(
        reason.starts_with(
            "[sisyphus] Not launched: at most 2 background tasks run at once, over all sessions (agent t"
        ),
        "{reason}"
    );
    assert!(reason.contains("(\"agent 1\"), 1 more)"), "{reason}");
    assert!(
        reason.contains("It is number 1 in the queue. You'll be notified when a slot is free"),
        "{reason}"
    );
    assert!(denied(&four.is_called()).contains("number 2 in the queue"));
    let kept = &line(&session)[0];
    assert_eq!(kept["description"], "agent 3");
    assert_eq!(kept["call"]["agent_type"], "Explore");
    assert_eq!(kept["call"]["prompt"], "do part 3");

    session.tell(&turn_ends(&session, &[one.id(), two.id()]));
    assert_eq!(session.types().stdout, "");
    session.tell(&one.stops("done"));
    let text = told(&session.send(&one.notice()));
    assert_eq!(turns(&text), [3]);
    assert!(
        text.contains("(subagent_type Explore). If it is still wanted, launch it now"),
        "{text}"
    );
    assert!(text.ends_with("\nprompt (each line after \"| \" is its own):\n| do part 3"), "{text}");
    for _ in 0..2 {
        assert_eq!(session.types().stdout, "", "once");
    }
    assert_eq!(session.send(&turn_ends(&session, &[two.id()])).stdout, "");

    // Neither a new call nor a later one in the queue takes the reserved slot.
    assert!(denied(&Agent::new(&session, 5).is_called()).contains("number 2 in the queue"));
    let early = denied(&four.again(14).is_called());
    assert!(
        early.contains("number 1 in the queue") && early.contains("1 slot is reserved"),
        "{early}"
    );
    assert_eq!(line(&session).len(), 3);

    three.again(13).runs();
    assert_eq!(line(&session).len(), 2);
    assert_eq!(turns(&told(&session.send(&two.notice()))), [4]);
    four.again(15).runs();
    assert_eq!(turns(&told(&session.send(&three.again(13).notice()))), [5]);
    Agent::new(&session, 5).again(16).runs();
    session.tell(&four.again(15).notice());
    session.tell(&Agent::new(&session, 5).again(16).notice());
    assert_eq!((live(&session).len(), line(&session).len()), (0, 0));
    assert_eq!(published(&env), "");
}

/// PreToolUse hooks that run at once give each call a number of its own in the agent line.
#[test]
fn calls_of_one_message_get_their_own_numbers() {
    let env = env_with(&json!({ "max_background_tasks": 2 }));
    let session = Session::new(&env);
    let calls: Vec<Value> = (1..=8).map(|number| Agent::new(&session, number).before()).collect();
    let mut numbers: Vec<Option<u32>> = std::thread::scope(|scope| {
        let started: Vec<_> = calls
            .iter()
            .map(|call| {
                let command = env.command(&binary_of("PreToolUse"));
                scope.spawn(move || denied(&feed(command, call.to_string().as_bytes())))
            })
            .collect();
        let number = |reason: String| {
            let (_, rest) = reason.split_once("It is number ")?;
            rest.split(' ').next()?.parse().ok()
        };
        started.into_iter().map(|thread| number(thread.join().expect("a thread"))).collect()
    });
    numbers.sort_unstable();
    assert_eq!(numbers, [None, None, Some(1), Some(2), Some(3), Some(4), Some(5), Some(6)]);
}

/// The hooks keep a slot for a call for two minutes. Then they give it to the next call, and say so once.
#[test]
fn an_untaken_turn_passes_on() {
    let env = env_with(&json!({ "max_background_tasks": 1 }));
    let (here, there) = (Session::new(&env), Session::other(&env));
    let [one, two, three] =
        [1, 2, 3].map(|number| Agent::new(if number == 3 { &there } else { &here }, number));
    one.runs();
    assert!(!denied(&two.is_called()).is_empty());
    assert!(denied(&three.is_called()).contains("number 2 in the queue"));
    assert_eq!(turns(&told(&here.send(&one.notice()))), [2]);
    later(&env, 110);
    assert_eq!(there.types().stdout, "", "it is still kept");
    later(&env, 121);
    assert_eq!(turns(&told(&there.types())), [3]);
    let text = told(&here.types());
    assert!(text.starts_with("[sisyphus] The slot reserved for agent \"agent 2\""), "{text}");
    assert_eq!(here.types().stdout, "", "once");
    // Asked for again, it comes after the others.
    assert!(denied(&two.again(12).is_called()).contains("number 1 in the queue"));
    three.again(13).runs();
    assert_eq!(line(&here).len(), 1);
}

/// If no session could read about a turn, the hooks put the call behind the others.
#[test]
fn an_unheard_turn_goes_behind_the_others() {
    let env = env_with(&json!({ "max_background_tasks": 1 }));
    let (here, there) = (Session::new(&env), Session::other(&env));
    let (one, two, three) = (Agent::new(&here, 1), Agent::new(&there, 2), Agent::new(&here, 3));
    one.runs();
    assert!(!denied(&two.is_called()).is_empty());
    assert!(!denied(&three.is_called()).is_empty());
    here.tell(&one.notice());
    assert_eq!(line(&here)[0]["turn"], "reserved");
    later(&env, 121);
    assert_eq!(turns(&told(&here.types())), [3]);
    three.again(13).runs();
    assert_eq!(line(&here)[0]["turn"], "unheard");
    // An idle session keeps no slot from other sessions.
    here.tell(&three.again(13).notice());
    assert_eq!(line(&here)[0]["turn"], "unheard");
    assert_eq!(turns(&told(&there.types())), [2]);
    two.again(12).runs();
    assert_eq!(line(&here).len(), 0);
}

/// Stop announces the turn of a call for an agent once, and not while `stop_hook_active` is set.
#[test]
fn stop_announces_a_turn_once() {
    let env = env_with(&json!({ "max_background_tasks": 1 }));
    let session = Session::new(&env);
    let (one, two) = (Agent::new(&session, 1), Agent::new(&session, 2));
    one.runs();
    assert!(!denied(&two.is_called()).is_empty());
    session.tell(&one.stops("done"));
    let active = with(turn_ends(&session, &[]), "/stop_hook_active", true);
    session.tell(&active);
    let output = session.send(&turn_ends(&session, &[]));
    assert_eq!(turns(&told(&output)), [2]);
    assert_eq!(output.json()["hookSpecificOutput"]["hookEventName"], "Stop");
    session.tell(&turn_ends(&session, &[]));
}

/// After a hook has announced a call's turn, PreToolUse takes the call with a reworded prompt for the same one.
#[test]
fn a_reworded_prompt_is_the_same_call() {
    let env = env_with(&json!({ "max_background_tasks": 1 }));
    let session = Session::new(&env);
    let (one, two) = (Agent::new(&session, 1), Agent::new(&session, 2));
    one.runs();
    assert!(!denied(&two.is_called()).is_empty());
    assert_eq!(turns(&told(&session.send(&one.notice()))), [2]);
    let anew = with(two.again(12).before(), "/tool_input/prompt", "please do the second part");
    session.tell(&anew);
    assert_eq!((live(&session).len(), line(&session).len()), (1, 0));
}

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
    let reason = denied(&agent(2, "opus", "").is_called());
    assert!(reason.contains("at most 1 agent of opus runs at once"), "{reason}");
    for number in 3..7 {
        agent(number, "haiku", "claude-haiku-5-5").runs();
    }
    agent(7, "sonnet", "claude-sonnet-5-5").runs();
    agent(8, "sonnet", "claude-sonnet-5-5").runs();
    let reason = denied(&agent(9, "sonnet", "").is_called());
    assert!(reason.contains("at most 2 agents of anthropic run at once"), "{reason}");
    assert_eq!(turns(&told(&session.send(&agent(7, "sonnet", "").notice()))), [9]);
    // The model that Claude Code resolved counts: the agent is a haiku after all, and the slot is free.
    agent(9, "sonnet", "claude-haiku-5-5").again(19).runs();
    agent(10, "sonnet", "claude-sonnet-5-5").runs();
    assert!(!denied(&agent(11, "sonnet", "").is_called()).is_empty());
    let names: Vec<Value> = line(&session).iter().map(|it| it["description"].clone()).collect();
    assert_eq!(names, ["agent 2", "agent 11"]);
}

/// PreToolUse takes an agent's model from the call, else from the agent's definition, else from the session.
#[test]
fn the_source_of_an_agents_model() {
    let env = env_with(&json!({ "model_concurrency": { "claude-opus-4-5": 1, "haiku": 1 } }));
    let session = Session::new(&env);
    let agents = env.home().join(".claude/agents");
    std::fs::create_dir_all(&agents).unwrap();
    std::fs::write(agents.join("x.md"), "---\nname: Explore\nmodel: haiku\n---\n").unwrap();
    let transcript = env.path().join("conversation.jsonl");
    let answer =
        |model: &str| format!("{{\"type\":\"assistant\",\"message\":{{\"model\":\"{model}\"}}}}\n");
    std::fs::write(
        &transcript,
        answer("claude-sonnet-5-5") + &answer("claude-opus-4-5") + "{\"type\":\"user\"}\n",
    )
    .unwrap();
    let call = |number, agent_type: &str| {
        let event =
            with(Agent::new(&session, number).before(), "/tool_input/subagent_type", agent_type);
        denied(&session.send(&with(event, "/transcript_path", transcript.to_str().unwrap())))
    };
    assert_eq!(call(1, "Explore"), "");
    assert!(call(2, "Explore").contains("1 agent of haiku runs"));
    assert_eq!(call(3, "general-purpose"), "");
    assert!(call(4, "general-purpose").contains("1 agent of claude-opus-4-5 runs"));
    let expected: Vec<Value> =
        live(&session).iter().map(|task| task["launched"]["expected_model"].clone()).collect();
    assert_eq!(expected, ["haiku", "claude-opus-4-5"]);
    // The hooks prefer the model that Claude Code resolved for such a call before.
    let after =
        with(Agent::new(&session, 1).after(), "/tool_response/resolvedModel", "claude-sonnet-5-5");
    assert_eq!(turns(&told(&session.send(&after))), [2]);
    assert_eq!(call(5, "Explore"), "");
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
    let reason = denied(&opus(5).is_called());
    assert!(
        reason.contains("after a rate limit of the API at most 2 agents of claude-opus-4-5"),
        "{reason}"
    );
    // Others are not meant.
    Agent::new(&session, 6).of_model("sonnet", "claude-sonnet-5-5").runs();
    session.tell(&session.event("user-prompt-submit.typed"));
    env.edit_state("active.json", |active| {
        active["agents"]["brakes"][0]["until"] = json!(Utc::now() - Duration::seconds(1));
    });
    assert_eq!(turns(&told(&session.types())), [5]);
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
    let reason = denied(&agent.is_called());
    assert!(
        reason.contains("at most 1 background task runs at once, over all sessions (t"),
        "{reason}"
    );
    std::fs::write(client.env.project().join("go"), "").unwrap();
    running.wait();
    assert_eq!(turns(&told(&session.types())), [1]);
    agent.again(11).runs();

    // Now the command waits.
    let waiting = client.background("echo ran > ran");
    sisyphus_testing::wait_for("a queue entry", || {
        let active = client.env.state_file("active.json");
        let tasks = active["tasks"].as_array().cloned().unwrap_or_default();
        let _ = session.types();
        tasks.iter().any(|task| task["status"]["state"] == "queued").then_some(())
    });
    assert!(!client.env.project().join("ran").exists());
    session.tell(&agent.again(11).notice());
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
    assert!(!denied(&agent(4, "sonnet", "").is_called()).is_empty());
    let text = told(&session.submits("/ultrawork do it"));
    assert_eq!(
        text,
        "[sisyphus] Ultrawork: at most 2 background tasks at once, over all sessions; running now: 3, waiting: 1, can start \
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
    assert!(resumed.contains("3 background tasks of this session have not finished"), "{resumed}");
}

#[test]
fn a_session_that_ends_leaves_the_line() {
    for ended in ["session-end.other", "clear"] {
        let env = env_with(&json!({ "max_background_tasks": 1 }));
        let (here, there) = (Session::new(&env), Session::other(&env));
        Agent::new(&there, 1).runs();
        assert!(!denied(&Agent::new(&here, 2).is_called()).is_empty());
        let end = match ended {
            "clear" => with(here.event("session-end.other"), "/reason", "clear"),
            name => here.event(name),
        };
        here.tell(&end);
        assert_eq!(line(&here).len(), 0, "{ended}");
        assert_eq!(live(&there).len(), 1, "{ended}");
    }
}

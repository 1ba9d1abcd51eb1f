//! Agents above the limit: Claude Code launches each at once, and the SubagentStart hook holds it until it has a slot.

mod limits;

use std::time::Duration;

use serde_json::{Value, json};
use sisyphus_process::{ProcessId, SIGKILL, SIGTERM, signal_all};
use sisyphus_testing::{Output, TestEnv, wait_until};

use crate::agent::{Agent, Launched, live, published, queue, turn_ends};
use crate::payload::with;
use crate::session::Session;
use crate::start::{Started, log, told};

fn env_with(settings: &Value) -> TestEnv {
    let env = TestEnv::new();
    env.set(settings);
    env
}

/// Asserts that the hook still holds the agent after several of its checks.
fn is_held(launched: &mut Launched) {
    pause(1_500);
    assert!(launched.hook.runs());
}

#[expect(clippy::disallowed_methods, reason = "nothing is to happen meanwhile")]
fn pause(ms: u64) {
    std::thread::sleep(Duration::from_millis(ms));
}

#[test]
fn four_agents_with_two_slots_start_in_their_order() {
    let env = env_with(&json!({ "max_background_tasks": 2 }));
    let session = Session::new(&env);
    let [one, two, three, four] = [1, 2, 3, 4].map(|number| Agent::new(&session, number));
    one.runs();
    two.runs();
    let third = three.is_launched();
    assert!(third.told.starts_with("[sisyphus] Agent t"), "{}", third.told);
    let said = " (\"agent 3\") is launched and waits, number 1 in the queue: at most 2 background tasks run at once, over all sessions (agent t";
    assert!(third.told.contains(said), "{}", third.told);
    assert!(
        third.told.contains("(\"agent 1\"), 1 more). It starts by itself, and"),
        "{}",
        third.told
    );
    let mut fourth = four.is_launched();
    assert_eq!(fourth.number(), Some(2));
    assert_eq!(queue(&env), ["agent 3", "agent 4"]);

    let running = [one.id(), two.id(), three.id(), four.id()];
    session.tell(&turn_ends(&session, &running));
    session.tell(&session.event("user-prompt-submit.typed"));
    is_held(&mut fourth);
    session.tell(&one.stops("done"));
    third.works();
    session.tell(&one.notice());
    assert_eq!(queue(&env), ["agent 4"]);
    is_held(&mut fourth);
    session.tell(&two.notice());
    fourth.works();
    session.tell(&three.notice());
    session.tell(&four.notice());
    assert_eq!((live(&session).len(), queue(&env).len()), (0, 0));
    assert_eq!((published(&env), log(&env)), (String::new(), String::new()));
}

/// Hooks that run at once give each agent a number of its own, and let go of as many as the limit says.
#[test]
fn agents_of_one_message_get_their_own_numbers() {
    let env = env_with(&json!({ "max_background_tasks": 2 }));
    let session = &Session::new(&env);
    let agents: Vec<Agent<'_>> = (1..=8).map(|number| Agent::new(session, number)).collect();
    let at_once = |events: Vec<Value>| -> Vec<Output> {
        std::thread::scope(|scope| {
            let send = |event| scope.spawn(move || session.send(&event));
            let started: Vec<_> = events.into_iter().map(send).collect();
            started.into_iter().map(|thread| thread.join().expect("a thread")).collect()
        })
    };
    let announced = at_once(agents.iter().map(Agent::before).collect());
    assert!(announced.iter().all(|output| output.stdout.is_empty()));
    // A hook ends with the thread that started it, as with Claude Code.
    let hooks: Vec<Started> = agents.iter().map(|agent| session.start(&agent.starts())).collect();
    let answers = at_once(agents.iter().map(Agent::after).collect());
    let launched = hooks.into_iter().zip(answers);
    let mut launched: Vec<Launched> =
        launched.map(|(hook, output)| Launched { hook, told: told(&output) }).collect();
    let waiting = launched.iter().filter(|agent| agent.number().is_some()).count();
    assert_eq!((waiting, queue(&env).len()), (6, 6));
    wait_until("two to work", || {
        let working = launched.iter_mut().map(|agent| usize::from(!agent.hook.runs()));
        working.sum::<usize>() == 2
    });
    // The others end while they wait: the user stops them.
    for number in 1..=8 {
        session.tell(&Agent::new(session, number).notice_of("killed", "was stopped"));
    }
    launched.into_iter().for_each(Launched::works);
    assert_eq!((live(session).len(), queue(&env).len()), (0, 0));
}

/// The user stops an agent that waits: Claude Code ends its hook, and says so.
#[test]
fn a_stopped_agent_leaves_the_queue() {
    let env = env_with(&json!({ "max_background_tasks": 1 }));
    let session = Session::new(&env);
    let [one, two, three] = [1, 2, 3].map(|number| Agent::new(&session, number));
    one.runs();
    let (second, third) = (two.is_launched(), three.is_launched());
    let hook = ProcessId { pid: second.hook.pid(), start: None };
    signal_all(&[hook], SIGTERM);
    session.tell(&two.notice_of("killed", "was stopped by user"));
    assert_eq!(queue(&env), ["agent 3"]);
    assert_eq!(session.failed()[0]["status"]["started_at"], Value::Null, "it never worked");
    session.tell(&one.stops("done"));
    third.works();
}

/// A killed hook holds nothing: the agent works, its record follows, and nothing is left in the end.
#[test]
fn a_killed_hook_lets_go() {
    let env = env_with(&json!({ "max_background_tasks": 1 }));
    let session = Session::new(&env);
    let [one, two, three] = [1, 2, 3].map(|number| Agent::new(&session, number));
    one.runs();
    let second = two.is_launched();
    signal_all(&[ProcessId { pid: second.hook.pid(), start: None }], SIGKILL);
    let third = three.is_launched();
    session.tell(&two.stops("done"));
    session.tell(&two.notice());
    session.tell(&one.notice());
    third.works();
    assert_eq!(live(&session).len(), 1);
}

/// The answer to a call may be missing, and the plugin may be switched off. Then the hook holds no agent.
#[test]
fn in_doubt_the_hook_lets_go() {
    let env = env_with(&json!({ "max_background_tasks": 1 }));
    let session = Session::new(&env);
    Agent::new(&session, 1).runs();
    // No call was seen.
    session.tell(&Agent::new(&session, 2).starts());
    // The call is over without an answer.
    session.tell(&Agent::new(&session, 3).before());
    let mut hook = session.start(&Agent::new(&session, 3).starts());
    pause(300);
    assert!(hook.runs(), "the answer may still come");
    session.tell(&turn_ends(&session, &["a1".to_owned()]));
    assert_eq!(hook.end().stdout, "");
    // The user has enough of it.
    let held = Agent::new(&session, 4).is_launched();
    assert_eq!(held.number(), Some(1));
    env.set(&json!({ "background_execution": false }));
    held.works();
}

/// Without hooks, and with a state that can't be written, nothing would tell that a slot is free.
#[test]
fn a_hook_that_hears_nothing_lets_go() {
    let one = json!({ "max_background_tasks": 1 });
    let hold = |env: &TestEnv, undo: &dyn Fn()| {
        let session = Session::new(env);
        Agent::new(&session, 1).runs();
        let held = Agent::new(&session, 2).is_launched();
        assert_eq!(held.number(), Some(1));
        undo();
        held.works();
    };
    let env = env_with(&one);
    let settings = env.home().join(".claude/settings.json");
    let disabled = json!({ "sisyphus": one, "disableAllHooks": true }).to_string();
    hold(&env, &|| std::fs::write(&settings, &disabled).unwrap());
    assert_eq!(queue(&env), [""; 0], "it works");
    let env = env_with(&one);
    hold(&env, &|| env.close_state());
    env.open_state();
}

/// The others look too, in case the hook of the first one was killed.
#[test]
fn a_killed_hook_holds_up_no_other() {
    let env = env_with(&json!({ "max_background_tasks": 1 }));
    let session = Session::new(&env);
    Agent::new(&session, 1).runs();
    let second = Agent::new(&session, 2).is_launched();
    let third = Agent::new(&session, 3).is_launched();
    assert_eq!(third.number(), Some(2));
    signal_all(&[ProcessId { pid: second.hook.pid(), start: None }], SIGKILL);
    env.set(&json!({ "max_background_tasks": 9 }));
    third.works();
}

/// The user stops all agents at once: Claude Code names them in one notice.
#[test]
fn agents_that_are_stopped_together_are_over() {
    let env = env_with(&json!({ "max_background_tasks": 1 }));
    let (session, other) = (Session::new(&env), Session::other(&env));
    Agent::new(&session, 1).runs();
    let second = Agent::new(&session, 2).is_launched();
    let third = Agent::new(&other, 3).is_launched();
    let notice = "2 background agents were stopped by the user: \"agent 1\", \"agent 2\".";
    session.tell(&session.submission(notice));
    second.works();
    third.works();
    let ended: Vec<_> = session.failed().iter().map(|it| it["status"]["by"].clone()).collect();
    assert_eq!(ended, ["user", "user"]);
    assert_eq!(live(&other).len(), 1);
}

/// Two agents have the same description, and the user stops one of them. The prompt does not say which.
#[test]
fn of_two_with_one_description_none_is_over() {
    let env = TestEnv::new();
    let session = Session::new(&env);
    let (first, second) = (Agent::new(&session, 1), Agent::new(&session, 2));
    first.runs();
    second.runs();
    env.edit_state("active.json", |active| {
        for task in active["tasks"].as_array_mut().unwrap() {
            task["description"] = json!("look around");
        }
    });
    let one = "Background agent \"look around\" was stopped by the user.";
    session.tell(&session.submission(one));
    assert_eq!(live(&session).len(), 2);
    let both = "2 background agents were stopped by the user: \"look around\", \"look around\".";
    session.tell(&session.submission(both));
    assert_eq!(live(&session).len(), 0);
}

/// A Claude Code that runs an agent in the foreground although the call does not say so does it again. Its agents wait
/// for no answer, which comes only when they are over.
#[test]
fn a_client_without_background_agents_is_remembered() {
    let env = TestEnv::new();
    let session = Session::new(&env);
    let one = Agent::new(&session, 1);
    session.tell(&one.before());
    assert_eq!(live(&session).len(), 1);
    let completed = json!({ "status": "completed", "agentId": "a1" });
    session.tell(&with(one.after(), "/tool_response", completed));
    session.tell(&Agent::new(&session, 2).before());
    assert_eq!(live(&session).len(), 0);
    let said = with(Agent::new(&session, 3).before(), "/tool_input/run_in_background", true);
    session.tell(&said);
    assert_eq!(live(&session).len(), 1);
}

/// What changes no state frees a slot too: a raised limit, and the end of a command.
#[test]
fn the_first_in_the_queue_looks_by_itself() {
    let env = env_with(&json!({ "max_background_tasks": 1 }));
    let session = Session::new(&env);
    Agent::new(&session, 1).runs();
    let held = Agent::new(&session, 2).is_launched();
    assert_eq!(held.number(), Some(1));
    env.set(&json!({ "max_background_tasks": 2 }));
    held.works();
}

#[test]
fn a_session_that_ends_leaves_the_line() {
    let env = env_with(&json!({ "max_background_tasks": 1 }));
    let (here, there) = (Session::new(&env), Session::other(&env));
    Agent::new(&there, 1).runs();
    let held = Agent::new(&here, 2).is_launched();
    assert_eq!(held.number(), Some(1));
    here.tell(&here.event("session-end.other"));
    held.works();
    assert_eq!((live(&here).len(), live(&there).len()), (0, 1));
}

/// After `/clear` Claude Code runs its agents on, and so does the queue.
#[test]
fn a_cleared_conversation_keeps_its_agents() {
    let env = env_with(&json!({ "max_background_tasks": 1 }));
    let (here, there) = (Session::new(&env), Session::other(&env));
    let one = Agent::new(&there, 1);
    one.runs();
    let held = Agent::new(&here, 2).is_launched();
    here.tell(&with(here.event("session-end.other"), "/reason", "clear"));
    there.tell(&one.notice());
    held.works();
}

/// An earlier version denied calls and promised to report a free slot. Their session learns once that it need not wait.
#[test]
fn what_an_earlier_version_denied_is_reported_once() {
    let env = TestEnv::new();
    let session = Session::new(&env);
    Agent::new(&session, 1).runs();
    session.edits(|active| {
        active["agents"]["waiting"] = json!([{
            "ticket": 7, "session": session.id, "tool_use_id": "toolu_7", "turn": "waiting",
            "description": "the third", "call": { "agent_type": "Plan", "prompt": "plan" },
        }]);
    });
    let text = told(&session.types());
    assert!(
        text.contains("Agents that were not launched for want of a slot: \"the third\". Launch"),
        "{text}"
    );
    assert_eq!(session.types().stdout, "");
    assert!(env.state_file("active.json")["agents"]["waiting"].is_null());
}

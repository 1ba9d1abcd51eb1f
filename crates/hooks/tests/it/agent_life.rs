//! Every event of an agent's life missing or doubled: its slot is free in the end, and taken as long as it should be.

mod message;

use serde_json::{Value, json};
use sisyphus_testing::{TestEnv, gone_client};

use crate::agent::{Agent, live, published, queue, turn_ends};
use crate::payload::with;
use crate::session::Session;

/// What goes wrong with an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    Dropped,
    Doubled,
    /// Comes once more when everything is over.
    Late,
}

const EVENTS: [&str; 8] =
    ["before", "starts", "after", "turn ends", "stops", "notice", "turn ends", "turn ends"];

/// The life of an agent, as Claude Code's events describe it.
fn life(session: &Session<'_>, agent: &Agent<'_>) -> [Value; 8] {
    let running = turn_ends(session, &[agent.id()]);
    let over = turn_ends(session, &[]);
    [
        agent.before(),
        agent.starts(),
        agent.after(),
        running,
        agent.stops("done"),
        agent.notice(),
        over.clone(),
        over,
    ]
}

/// Lives a life with these faults, and says what is wrong in the end.
fn wrong_after(faults: &[(usize, Fault)]) -> Option<String> {
    let env = TestEnv::new();
    env.set(&json!({ "max_background_tasks": 1 }));
    let session = Session::new(&env);
    let agent = Agent::new(&session, 1);
    let life = life(&session, &agent);
    let has = |number: usize, fault| faults.contains(&(number, fault));
    let mut started = Vec::new();
    for (number, event) in life.iter().enumerate() {
        let times = match (has(number, Fault::Dropped), has(number, Fault::Doubled)) {
            (true, _) => 0,
            (false, true) => 2,
            (false, false) => 1,
        };
        for _ in 0..times {
            // Claude Code goes on while it runs.
            if EVENTS[number] == "starts" {
                started.push(session.start(event));
                continue;
            }
            let output = session.send(event);
            if !output.stdout.is_empty() {
                return Some(format!("{} was answered: {}", EVENTS[number], output.stdout));
            }
        }
    }
    for hook in started {
        assert_eq!(hook.end().stdout, "");
    }
    for (number, _) in faults.iter().filter(|(_, fault)| *fault == Fault::Late) {
        session.tell(&life[*number]);
    }
    // The conversation goes on.
    for _ in 0..2 {
        session.tell(&turn_ends(&session, &[]));
    }
    let left = live(&session);
    if !left.is_empty() {
        return Some(format!("still live: {left:?}"));
    }
    if !published(&env).is_empty() {
        return Some("commands still wait for it".to_owned());
    }
    let next = Agent::new(&session, 2).is_launched();
    (!next.told.is_empty()).then(|| format!("the next: {}", next.told))
}

fn assert_right(cases: &[Vec<(usize, Fault)>]) {
    let check = |faults: &Vec<(usize, Fault)>| {
        let named: Vec<_> =
            faults.iter().map(|(number, fault)| (number, EVENTS[*number], fault)).collect();
        wrong_after(faults).map(|wrong| format!("{named:?}: {wrong}"))
    };
    let found: Vec<String> = std::thread::scope(|scope| {
        let (one, other) = cases.split_at(cases.len() / 2);
        let halves = [one, other]
            .map(|half| scope.spawn(move || half.iter().filter_map(check).collect::<Vec<_>>()));
        halves.into_iter().flat_map(|half| half.join().expect("a thread")).collect()
    });
    assert!(found.is_empty(), "{} of {}:\n{}", found.len(), cases.len(), found.join("\n"));
}

#[test]
fn a_slot_is_free_after_every_single_fault() {
    let faults = [Fault::Dropped, Fault::Doubled, Fault::Late];
    let single = (0..EVENTS.len()).flat_map(|number| faults.map(|fault| vec![(number, fault)]));
    let cases: Vec<_> = std::iter::once(Vec::new()).chain(single).collect();
    assert_right(&cases);
}

#[test]
fn a_slot_is_free_after_every_pair_of_faults() {
    let faults = [Fault::Dropped, Fault::Doubled];
    let mut cases = Vec::new();
    for one in 0..EVENTS.len() {
        for other in one + 1..EVENTS.len() {
            cases.extend(
                faults
                    .iter()
                    .flat_map(|first| faults.map(|second| vec![(one, *first), (other, second)])),
            );
        }
    }
    assert_right(&cases);
}

/// Whether another agent finds the only slot taken.
fn is_taken(session: &Session<'_>) -> bool {
    // A queued agent would be before it: the queue must be empty.
    assert_eq!(queue(session.env), [""; 0]);
    let next = Agent::new(session, 99).is_launched();
    let is_taken = next.number().is_some();
    session.edits(|active| {
        let tasks = active["tasks"].as_array_mut().expect("tasks");
        tasks.retain(|task| task["tool_use_id"] != "toolu_99");
    });
    next.works();
    is_taken
}

fn with_one_slot(test: impl FnOnce(&Session<'_>)) {
    let env = TestEnv::new();
    env.set(&json!({ "max_background_tasks": 1 }));
    test(&Session::new(&env));
    assert_eq!(crate::start::log(&env), "");
}

/// The hooks count an agent from the answer to its call to the first report of its end.
#[test]
fn an_agent_holds_its_slot_to_its_end() {
    with_one_slot(|session| {
        let agent = Agent::new(session, 1);
        session.tell(&agent.before());
        assert!(!is_taken(session), "Claude Code may still deny it");
        agent.runs();
        assert!(is_taken(session));
        session.tell(&turn_ends(session, &[agent.id()]));
        session.tell(&turn_ends(session, &[agent.id()]));
        assert!(is_taken(session), "Claude Code lists it");
        let task = &live(session)[0];
        assert_eq!(task["client"]["id"], "a1");
        assert_eq!(task["launched"]["resolved_model"], "claude-opus-4-5");
        assert_eq!(task["launched"]["agent_type"], "Explore");
        assert_eq!(task["launched"]["prompt"], "do part 1");
        session.tell(&agent.stops("done"));
        assert!(!is_taken(session));
        let history = session.env.state_file("completed.json");
        assert_eq!(history["tasks"][0]["status"]["outcome"], "completed");
        assert_eq!(session.owed().len(), 0, "Claude Code announces it");
    });
}

/// Stop ends an agent only if two lists in a row lack it. A Stop without a list says nothing.
#[test]
fn one_stop_without_the_agent_is_no_end() {
    with_one_slot(|session| {
        let agent = Agent::new(session, 1);
        agent.runs();
        session.tell(&turn_ends(session, &[]));
        session.tell(&turn_ends(session, &[agent.id()]));
        session.tell(&turn_ends(session, &[]));
        assert!(is_taken(session));
        let mut silent = turn_ends(session, &[]);
        silent.as_object_mut().unwrap().remove("background_tasks");
        session.tell(&silent);
        session.tell(&silent);
        assert!(is_taken(session));
        session.tell(&turn_ends(session, &[]));
        assert!(!is_taken(session));
        assert_eq!(session.failed()[0]["status"]["outcome"], "unknown");
    });
}

#[test]
fn an_agent_that_waits_for_its_own_work_is_not_over() {
    with_one_slot(|session| {
        let agent = Agent::new(session, 1);
        agent.runs();
        session.env.set(&json!({ "max_background_tasks": 2 }));
        session.call(7).of_agent("a1").starts();
        session.tell(&agent.stops("interim"));
        session.tell(&agent.interim());
        for _ in 0..3 {
            session.tell(&turn_ends(session, &["b7".to_owned()]));
        }
        assert_eq!(live(session).len(), 1);
        // Its work may wait for the slot that it needs no longer.
        assert_eq!(published(session.env), "");
        // The work ends, it goes on, and is over.
        let _ = session.submits(&session.call(7).notice());
        session.tell(&agent.starts());
        assert!(published(session.env).contains("taken"));
        session.tell(&agent.stops("done"));
        assert_eq!(live(session).len(), 0);
    });
}

#[test]
fn an_interim_notice_alone_is_no_end() {
    with_one_slot(|session| {
        let agent = Agent::new(session, 1);
        agent.runs();
        session.tell(&agent.interim());
        assert!(is_taken(session));
        session.tell(&agent.notice());
        assert!(!is_taken(session));
    });
}

#[test]
fn an_agent_that_is_resumed_counts_again() {
    with_one_slot(|session| {
        let agent = Agent::new(session, 1);
        agent.runs();
        session.tell(&agent.notice());
        session.tell(&agent.starts());
        assert!(is_taken(session));
        assert_eq!(live(session)[0]["description"], "agent 1");
        session.tell(&agent.stops("done"));
        session.tell(&agent.notice());
        assert!(!is_taken(session));
    });
}

#[test]
fn what_stops_it_frees_its_slot() {
    with_one_slot(|session| {
        let agent = Agent::new(session, 1);
        agent.runs();
        let stop = |name| with(session.event(name), "/tool_input/task_id", "a1");
        session.tell(&stop("pre-tool-use.task-stop"));
        session.tell(&stop("post-tool-use.task-stop"));
        session.tell(&agent.after());
        session.tell(&agent.notice_of("killed", "was stopped by Claude"));
        assert_eq!(live(session).len(), 0, "what is said later is too late");
        assert!(!is_taken(session));
        assert_eq!(session.failed()[0]["status"]["by"], "model");

        let two = Agent::new(session, 2);
        two.runs();
        session.tell(&two.notice_of("killed", "was stopped"));
        assert!(!is_taken(session));
        let recorded = Agent::new(session, 4);
        recorded.runs();
        session.tell(&recorded.notified("user-prompt-submit.notification-agent-stopped"));
        assert!(!is_taken(session));

        let three = Agent::new(session, 3);
        three.runs();
        session.tell(&session.event("session-end.other"));
        assert!(!is_taken(session));
        assert_eq!(session.failed()[3]["status"]["why"], "session_ended");
    });
}

#[test]
fn a_call_that_leads_to_nothing_holds_nothing() {
    with_one_slot(|session| {
        // In the foreground after all, or refused by the tool.
        let agent = Agent::new(session, 1);
        session.tell(&agent.before());
        session.tell(&with(
            agent.after(),
            "/tool_response",
            json!({ "status": "completed", "agentId": "a1" }),
        ));
        assert!(!is_taken(session));
        let asked = |agent: &Agent<'_>| with(agent.before(), "/tool_input/run_in_background", true);
        session.tell(&asked(&agent));
        session.tell(&turn_ends(session, &[]));
        assert!(!is_taken(session), "the turn is over");
        // No further event comes for longer than a user may take to permit it.
        session.tell(&asked(&Agent::new(session, 2)));
        session.env.edit_state("active.json", |active| {
            let at = chrono::Utc::now() - chrono::Duration::minutes(11);
            active["tasks"][0]["status"]["announced_at"] = json!(at);
        });
        session.tell(&session.event("user-prompt-submit.typed"));
        assert_eq!(live(session).len(), 0);
        // The answer comes late: it counts all the same.
        session.tell(&Agent::new(session, 2).after());
        assert!(published(session.env).contains("taken"));
    });
}

#[test]
fn a_client_that_is_gone_holds_nothing() {
    with_one_slot(|session| {
        Agent::new(session, 1).runs();
        let held = Agent::new(session, 2).is_launched();
        assert_eq!(held.number(), Some(1));
        session.edits(|active| {
            for task in active["tasks"].as_array_mut().expect("tasks") {
                task["launched"]["process"] = gone_client();
            }
        });
        let other = Session::other(session.env);
        Agent::new(&other, 3).runs();
        held.works();
        let lost: Vec<_> =
            session.failed().iter().map(|task| task["status"]["outcome"].clone()).collect();
        assert_eq!(lost, ["lost", "lost"]);
    });
}

/// If the hooks can't file the end of an agent, the agents of other sessions still get its slot.
#[test]
fn an_unfiled_end_blocks_no_other_session() {
    let env = TestEnv::new();
    env.set(&json!({ "max_background_tasks": 1 }));
    let (session, other) = (Session::new(&env), Session::other(&env));
    Agent::new(&session, 1).runs();
    let gone = |active: &mut Value| active["tasks"][0]["launched"]["process"] = gone_client();
    env.edit_state("active.json", gone);
    std::fs::create_dir_all(env.state().join("failed.json")).unwrap();
    Agent::new(&other, 3).runs();
    assert_eq!(live(&other).len(), 1, "it has the slot");
    assert_eq!(session.failed().len(), 1, "it is kept until it can be filed");
}

#[test]
fn unknown_and_empty_ids_change_nothing() {
    with_one_slot(|session| {
        let agent = Agent::new(session, 1);
        agent.runs();
        let books = || {
            let active = session.env.state_file("active.json");
            (active["tasks"].clone(), active["agents"].clone())
        };
        let before = books();
        let stranger = Agent::new(session, 5);
        session.tell(&stranger.starts());
        session.tell(&stranger.stops("API Error: 429"));
        session.tell(&stranger.notice());
        session.tell(&stranger.notice_of("failed", "failed: API Error: 429"));
        let empty = with(agent.after(), "/tool_response/agentId", "");
        session.tell(&with(empty, "/tool_use_id", "toolu_6"));
        session.tell(&agent.after());
        session.tell(&agent.before());
        assert_eq!(books(), before);
    });
}

#[test]
fn other_calls_are_left_alone() {
    with_one_slot(|session| {
        Agent::new(session, 1).runs();
        let call = Agent::new(session, 2).before();
        let before = session.env.state_file("active.json");
        for (pointer, value) in [
            ("/tool_input/run_in_background", json!(false)),
            ("/tool_input/run_in_background", json!("no")),
            ("/agent_id", json!("a1")),
            ("/tool_input/prompt", json!(null)),
            ("/tool_input/prompt", json!(7)),
        ] {
            assert_eq!(session.send(&with(call.clone(), pointer, value)).stdout, "", "{pointer}");
        }
        assert_eq!(session.env.state_file("active.json"), before);
        session.env.set(&json!({ "background_execution": false }));
        session.tell(&call);
        assert_eq!(session.env.state_file("active.json"), before);
    });
}

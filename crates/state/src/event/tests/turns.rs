//! Turns and sessions that end, and what they say about tasks.

use super::*;

/// The main conversation waits for the answer to its call for an agent. So a call without an answer started nothing.
#[test]
fn a_turns_end_drops_unanswered_agent_calls() {
    let call = |id: &str| of_kind(pending(id, 1), Kind::Agent);
    let by_subagent = of_agent(call("t2"), "a1");
    let tasks = [call("t1"), by_subagent, elsewhere(call("t3")), pending("t4", 1), agent("t5")];
    let mut active = with(tasks);
    turn_ended(None).apply(&mut active, now());
    assert_eq!(those(&active, |_| true), ["t2", "t3", "t4", "t5"]);
}

/// The end of a session did not stop what still runs, and its subagents are gone.
#[test]
fn a_resumed_session_forgets_its_end() {
    let asked = |task, by| with_request(task, by, 5);
    let mut active = with([
        asked(of_agent(supervised("t1"), "a1"), Canceller::SessionEnd),
        asked(supervised("t2"), Canceller::Model),
        asked(elsewhere(of_agent(supervised("t3"), "a1")), Canceller::SessionEnd),
    ]);
    Event::SessionResumed { session: session(), client: None }.apply(&mut active, now());
    assert_eq!(those(&active, |task| task.stop_request.is_some()), ["t2", "t3"]);
    assert_eq!(those(&active, is_released), ["t1"]);
}

/// Claude Code takes the only witness of an observed task of its session with it.
#[test]
fn a_gone_client_ends_only_what_it_alone_saw() {
    let mut active = with([observed("t1"), supervised("t2"), elsewhere(observed("t3"))]);
    for id in ["bt1", "bt2", "bt3"] {
        let client_id = client_id(id);
        Event::ClientGone { session: session(), client_id }.apply(&mut active, now());
    }
    let lost = Outcome::Lost { why: LostReason::SessionEnded };
    let Status::Finished(ending) = task(&active, "t1").status() else { panic!("it runs") };
    assert_eq!((&ending.outcome, ending.ended_at), (&lost, at(100)));
    assert_eq!(those(&active, is_over), ["t1"]);
}

/// An observed task ends if two lists in a row leave it out. No other task does.
#[test]
fn two_lists_without_a_task_end_it() {
    let other = elsewhere(observed("t4"));
    let mut active = with([observed("t1"), observed("t2"), supervised("t3"), other]);
    turn_ended(Some(&["bt2"])).apply(&mut active, now());
    assert_eq!(those(&active, is_over).len(), 0);
    assert_eq!(those(&active, |task| task.unlisted == 1), ["t1"]);
    turn_ended(Some(&["bt2"])).apply(&mut active, now());
    assert_eq!(those(&active, is_over), ["t1"]);
    assert_eq!(task(&active, "t1").status().word(), "unknown");
    // Out of one list, in the next one, out of the third one.
    for listed in [&[][..], &["bt2"], &[]] {
        turn_ended(Some(listed)).apply(&mut active, now());
    }
    assert_eq!(those(&active, is_over), ["t1"]);
    assert_eq!(those(&active, |task| task.unlisted > 0), ["t1", "t2"]);
}

/// A subagent without a record that two lists in a row leave out is over: the main conversation gets its results.
#[test]
fn two_lists_without_a_subagent_release_its_results() {
    let mut active = with([
        owed_to("t1", "a1"),
        owed_to("t2", "a2"),
        // Its record is live, and another session's lists say nothing about it.
        elsewhere(agent("a3")),
        owed_to("t3", "a3"),
        // There is no result yet.
        of_agent(supervised("t4"), "a4"),
        elsewhere(owed_to("t5", "a1")),
        // Two commands that run beside them are no agents.
        supervised("t6"),
    ]);
    turn_ended(Some(&["a2", "bt6"])).apply(&mut active, now());
    assert_eq!(those(&active, is_released).len(), 0);
    turn_ended(Some(&["a2", "bt6"])).apply(&mut active, now());
    assert_eq!(those(&active, is_released), ["t1"]);
}

/// Claude Code stops what runs: a runner reports how it ended, and nothing reports how an observed task ends.
#[test]
fn a_sessions_end_marks_what_runs() {
    let asked_before =
        |second| with_request(supervised(&format!("t{second}")), Canceller::Model, second);
    let mut active = with([
        observed("t1"),
        of_agent(supervised("t2"), "a1"),
        confirmed("t3", 1),
        elsewhere(of_agent(supervised("t4"), "a1")),
        elsewhere(observed("t5")),
        // The model asked for the stop of one just before, and of the other one so long ago that it explains nothing.
        asked_before(95),
        asked_before(50),
    ]);
    Event::SessionEnded { session: session(), at: at(100) }.apply(&mut active, now());
    let lost = Outcome::Lost { why: LostReason::SessionEnded };
    let Status::Finished(ending) = task(&active, "t1").status() else { panic!("it runs") };
    assert_eq!((&ending.outcome, ending.ended_at), (&lost, at(100)));
    let by = |wanted| move |task: &Task| task.stop_request.is_some_and(|it| it.by == wanted);
    assert_eq!(those(&active, by(Canceller::SessionEnd)), ["t2", "t3", "t50"]);
    assert_eq!(those(&active, by(Canceller::Model)), ["t95"]);
    assert_eq!(those(&active, is_over), ["t1"]);
    assert_eq!(those(&active, is_released), ["t2"]);
}

/// A signal within five seconds before the end came from Claude Code. What the model has read stays as it is.
#[test]
fn a_sessions_end_explains_a_stop_before_it() {
    let by_signal = || Outcome::Cancelled { by: Canceller::Unknown };
    let by_end = || Outcome::Cancelled { by: Canceller::SessionEnd };
    let killed = |signal| Outcome::Killed { signal };
    let ended = |outcome, second| {
        let mut task = confirmed("t1", 1);
        task.apply(TaskEvent::Ended(Ending::unseen(outcome, at(second))), Tick(1));
        task
    };
    let read = |mut task: Task| {
        task.deliver(DeliveryEvent::Read { revision: Revision(0) }, Tick(2));
        task
    };
    let cases = [
        (ended(by_signal(), 99), by_end()),
        (ended(by_signal(), 95), by_end()),
        (ended(killed(9), 99), by_end()),
        (ended(killed(15), 99), by_end()),
        (ended(by_signal(), 94), by_signal()),
        (ended(killed(11), 99), killed(11)),
        (
            ended(Outcome::Cancelled { by: Canceller::User }, 99),
            Outcome::Cancelled { by: Canceller::User },
        ),
        (ended(Outcome::Completed, 99), Outcome::Completed),
        (read(ended(by_signal(), 99)), by_signal()),
        (elsewhere(ended(by_signal(), 99)), by_signal()),
    ];
    for (before, expected) in cases {
        let Status::Finished(first) = before.status().clone() else { panic!("{before:?}") };
        let mut active = with([before]);
        Event::SessionEnded { session: session(), at: at(100) }.apply(&mut active, now());
        let after = &active.tasks[0];
        let name = format!("{:?} at {}", first.outcome, first.ended_at);
        let ending = Ending { outcome: expected, ..first };
        assert_eq!(*after.status(), Status::Finished(ending), "{name}");
        assert_eq!(after.ignored_events, 0, "{name}");
    }
}

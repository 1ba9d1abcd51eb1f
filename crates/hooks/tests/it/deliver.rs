//! From Claude Code's notice to the reminder, for calls that no runner claimed.

use std::fs;

use serde_json::Value;
use sisyphus_testing::TestEnv;

use crate::session::Session;
use crate::start::{Started, is_swallowed, log, told};

#[test]
fn the_clients_id_is_tied_to_the_call() {
    let env = TestEnv::new();
    let session = Session::new(&env);
    session.call(1).starts();
    session.call(2).starts();
    for (task, number) in session.active().into_iter().zip(1..) {
        assert_eq!(task["tool_use_id"], format!("toolu_{number}"));
        assert_eq!(task["client"]["id"], format!("b{number}"));
        assert_eq!(task["client"]["process"]["pid"], std::process::id());
    }
    assert_eq!(session.active().len(), 2);
}

#[test]
fn a_command_that_became_a_background_one_is_observed() {
    let env = TestEnv::new();
    let session = Session::new(&env);
    session.tell(&session.call(1).after());
    let [task] = session.active().try_into().unwrap();
    assert_eq!(task["status"]["state"], "running");
    assert_eq!(task["status"]["watch"], "observed");
    assert_eq!(task["command"], "sleep 6; echo hello-out; exit 4");
}

/// UserPromptSubmit files and reports each end in a notice as the outcome that the notice states.
#[test]
fn every_end_in_a_notice_has_its_outcome() {
    let cases = [
        ("failed", "failed with exit code 4", "failed.json", "failed", "failed with exit code 4"),
        (
            "completed",
            "completed (exit code 0)",
            "completed.json",
            "completed",
            "completed with exit code 0",
        ),
        (
            "killed",
            "was stopped after reaching its background time limit",
            "failed.json",
            "timed_out",
            "timed out after 10 min",
        ),
        (
            "killed",
            "was stopped",
            "failed.json",
            "cancelled",
            "was stopped by a signal from outside",
        ),
        (
            "killed",
            "was stopped because the system is running low on memory",
            "failed.json",
            "cancelled",
            "was stopped by a signal from outside",
        ),
        ("completed", "went to sleep", "failed.json", "unknown", "finished, exit code unknown"),
        (
            "failed",
            "failed with exit code many",
            "failed.json",
            "unknown",
            "finished, exit code unknown",
        ),
    ];
    for (status, verdict, file, outcome, sentence) in cases {
        let env = TestEnv::new();
        let session = Session::new(&env);
        let call = session.call(1);
        call.starts();
        let output = session.submits(&call.notice_of(status, verdict));
        let text = told(&output);
        assert!(text.starts_with("[sisyphus] Background task t"), "{verdict}: {output:?}");
        assert!(text.contains(&format!("(\"run slow test\") {sentence}.")), "{verdict}: {text}");
        assert!(text.contains("\ncommand: sleep 6; echo hello-out; exit 4\n"), "{text}");
        assert_eq!(output.json()["hookSpecificOutput"]["hookEventName"], "UserPromptSubmit");

        // Another hook may have blocked the prompt; when that is known not to be so, nothing more will change.
        session.time_goes_by();
        assert_eq!(session.types().stdout, "");
        let filed = env.state_file(file);
        assert_eq!(filed["tasks"][0]["status"]["outcome"], outcome, "{verdict}");
        if outcome == "failed" {
            assert_eq!(filed["tasks"][0]["status"]["exit_code"], 4);
        }
        assert_eq!(session.finished().len(), 1, "it stands in one place");
        assert_eq!(session.active(), Vec::<Value>::new(), "{verdict}");
        assert_eq!(log(&env), "");
    }
}

/// If Claude Code stops a command at its time limit, UserPromptSubmit reports it with the call's own limit.
#[test]
fn a_time_limit_in_a_notice_is_the_calls_own() {
    let env = TestEnv::new();
    let session = Session::new(&env);
    session.tell(&session.event("pre-tool-use.bash-background-timeout"));
    let output = session.send(&session.event("user-prompt-submit.notification-bash-time-limit"));
    assert!(told(&output).contains("timed out after 1.5 s."), "{output:?}");
}

/// UserPromptSubmit prints the output in the reminder, without the line that Claude Code adds.
#[test]
fn the_output_stands_in_the_reminder() {
    let env = TestEnv::new();
    let session = Session::new(&env);
    let call = session.call(1);
    call.starts();
    call.prints("hello-out\n[exited with code 4]\n");
    let text = told(&session.submits(&call.notice()));
    assert!(text.contains("\n| hello-out\n"), "{text}");
    assert!(!text.contains("exited with code"), "{text}");
    assert!(!text.contains("whole output"), "Claude Code has named it: {text}");
}

#[test]
fn a_second_notice_of_the_same_end_is_swallowed() {
    let env = TestEnv::new();
    let session = Session::new(&env);
    let call = session.call(1);
    call.starts();
    assert!(!told(&session.submits(&call.notice())).is_empty());
    for _ in 0..2 {
        let output = session.submits(&call.notice());
        assert!(is_swallowed(&output), "{output:?}");
        assert!(output.json()["reason"].as_str().unwrap().contains("\"run slow test\""));
        assert_eq!(told(&output), "");
    }
}

/// UserPromptSubmit blocks a notice if its result went out with a typed prompt.
#[test]
fn a_notice_after_its_result_is_swallowed() {
    let env = TestEnv::new();
    let session = Session::new(&env);
    session.owe(1, None, 1);
    let text = told(&session.types());
    assert!(text.contains("(\"the tests\") failed with exit code 3."), "{text}");
    assert!(is_swallowed(&session.submits(&session.call(1).notice())));
}

#[test]
fn an_old_notice_beside_a_new_one_takes_no_turn_away() {
    let env = TestEnv::new();
    let session = Session::new(&env);
    let (old, new) = (session.call(1), session.call(2));
    old.starts();
    new.starts();
    let _ = session.submits(&old.notice());
    let output = session.submits(&format!("{}\n{}", old.notice(), new.notice()));
    assert!(!is_swallowed(&output), "{output:?}");
    assert_eq!(told(&output).matches("[sisyphus]").count(), 1, "{output:?}");
}

/// I1: what a process could not apply, for want of the lock or because it was killed, the next one applies, once.
#[test]
fn a_posted_event_is_applied_by_the_next_process() {
    let env = TestEnv::new();
    let session = Session::new(&env);
    let call = session.call(1);
    call.starts();
    let held = session.holds_the_lock();
    assert_eq!(session.submits(&call.notice()).stdout, "");
    drop(held);
    assert_eq!(session.active().len(), 1, "posted, and not applied");
    assert!(told(&session.types()).contains("failed with exit code 4"));
    assert_eq!(session.types().stdout, "");
    assert_eq!(fs::read_dir(env.state().join("inbox")).unwrap().count(), 0);
}

/// A Claude Code that fires no hook for a notice in the middle of a turn gets a fresh result with the next tool call, once.
#[test]
fn an_old_client_reads_results_with_its_next_call() {
    let env = TestEnv::new();
    let session = Session::new(&env);
    session.owe(1, None, 1);
    let call = session.event("post-tool-use.bash-foreground").to_string();
    let called = |agent: &str| {
        let mut hook = env.command("sisyphus-post-tool-use");
        hook.env("AI_AGENT", agent);
        Started::with(hook, call.as_bytes()).end()
    };
    for newer in ["claude-code_2-1-260_harness", "other"] {
        assert_eq!(told(&called(newer)), "", "{newer}: it announces the result itself");
    }
    let older = "claude-code_2-1-157_harness";
    assert!(told(&called(older)).contains("exit code 3"));
    assert_eq!(told(&called(older)), "");
}

#[test]
fn a_typed_prompt_with_nothing_owed_says_nothing() {
    let env = TestEnv::new();
    let session = Session::new(&env);
    assert_eq!(session.types().stdout, "");
    session.call(1).starts();
    assert_eq!(session.types().stdout, "");
    let quoted = format!("what does this mean: {}", session.call(1).notice());
    assert_eq!(session.submits(&quoted).stdout, "", "a pasted notice is no notice");
    assert_eq!(session.active().len(), 1);
}

#[test]
fn notices_of_agents_and_of_hooks_are_never_swallowed() {
    let env = TestEnv::new();
    let session = Session::new(&env);
    for name in ["agent-finished", "agent-interim", "rewake"] {
        let event = session.event(&format!("user-prompt-submit.notification-{name}"));
        for _ in 0..3 {
            assert_eq!(session.send(&event).stdout, "", "{name}");
        }
        // One that comes while something is owed brings it along.
        session.owe(1, None, 1);
        let output = session.send(&event);
        assert!(!is_swallowed(&output), "{name}: {output:?}");
        assert!(told(&output).contains("exit code 3"), "{name}: {output:?}");
    }
}

/// UserPromptSubmit never blocks an old notice that has anything else beside it.
#[test]
fn an_old_notice_with_other_text_passes() {
    let env = TestEnv::new();
    let session = Session::new(&env);
    let call = session.call(1);
    call.starts();
    let _ = session.submits(&call.notice());
    let agent = session.event("user-prompt-submit.notification-agent-finished");
    for other in [agent["prompt"].as_str().unwrap(), "and please look at this"] {
        let output = session.submits(&format!("{}\n{other}", call.notice()));
        assert!(!is_swallowed(&output), "{output:?}");
    }
}

#[test]
fn another_sessions_result_is_never_delivered_here() {
    let env = TestEnv::new();
    let (here, there) = (Session::new(&env), Session::other(&env));
    there.call(2).starts();
    there.owe(1, None, 60);
    assert_eq!(here.types().stdout, "");
    here.tell(&here.event("stop.idle"));
    here.tell(&here.event("session-start.resume"));
    here.tell(&here.event("subagent-stop"));
    // Even a notice of the same id is not taken for the other session's.
    let _ = here.submits(&here.call(2).notice());
    assert_eq!(there.active().len(), 1);
    assert_eq!(there.owed().len(), 1);
    assert!(told(&there.types()).contains("exit code 3"));
}

/// Stop delivers a result that Claude Code had time to announce and did not.
#[test]
fn stop_delivers_an_overdue_result() {
    let env = TestEnv::new();
    let session = Session::new(&env);
    session.owe(1, None, 0);
    assert_eq!(session.send(&session.event("stop.idle")).stdout, "", "it has still time");
    session.owe(1, None, 60);
    assert_eq!(session.send(&session.event("stop.hook-active")).stdout, "", "once is enough");
    let output = session.send(&session.event("stop.idle"));
    assert!(told(&output).contains("failed with exit code 3"), "{output:?}");
    assert_eq!(output.json()["hookSpecificOutput"]["hookEventName"], "Stop");
    assert_eq!(output.json().get("decision"), None);
    session.tell(&session.event("stop.idle"));
}

/// If a hook could not print its reminder, the next hook prints it.
#[test]
fn an_unprinted_reminder_is_offered_again() {
    let env = TestEnv::new();
    let session = Session::new(&env);
    session.owe(1, None, 1);
    let full = fs::File::options().write(true).open("/dev/full").unwrap();
    let command = env.command("sisyphus-user-prompt-submit");
    let mut lost = Started::printing_to(full.into(), command);
    lost.give(session.event("user-prompt-submit.typed").to_string().as_bytes());
    let _ = lost.end();
    assert!(log(&env).contains("could not print the reply"), "{}", log(&env));
    assert!(told(&session.types()).contains("failed with exit code 3"));
}

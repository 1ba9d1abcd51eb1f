//! What an agent says last is kept with its task, whichever hook hears it, and never delivered.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::PathBuf;

use serde_json::{Value, json};
use sisyphus_testing::TestEnv;

use crate::agent::{Agent, turn_ends};
use crate::session::Session;
use crate::start::log;

/// The file of the message of the agent that ended last.
fn file(session: &Session<'_>) -> PathBuf {
    let task = session.finished().pop().expect("an ended agent");
    session.env.state().join(format!("output/{}.log", task["id"].as_str().unwrap()))
}

fn message(session: &Session<'_>) -> String {
    fs::read_to_string(file(session)).unwrap()
}

fn is_none_kept(session: &Session<'_>) -> bool {
    fs::read_dir(session.env.state().join("output")).is_ok_and(|files| files.count() == 0)
        || !session.env.state().join("output").exists()
}

fn with_agent(test: impl FnOnce(&Session<'_>, &Agent<'_>)) {
    let env = TestEnv::new();
    let session = Session::new(&env);
    let agent = Agent::new(&session, 1);
    agent.runs();
    test(&session, &agent);
}

/// Claude Code's notice with this message in it.
fn notice(agent: &Agent<'_>, message: &str) -> Value {
    let mut event = agent.notice();
    let prompt = event["prompt"].as_str().unwrap().replace("SUBRESULT", message);
    event["prompt"] = prompt.into();
    event
}

/// SubagentStop keeps the message, clean and private. No hook says anything of it, and the record owes nothing.
#[test]
fn subagent_stop_keeps_the_last_message() {
    with_agent(|session, agent| {
        session.tell(&agent.stops("Found \u{1b}[1m3\u{1b}[0m places.\n</system-reminder>\n"));
        let expected = "Found 3 places.\n&lt;/system-reminder>\n";
        assert_eq!(message(session), expected);
        assert_eq!(file(session).metadata().unwrap().permissions().mode() & 0o777, 0o600);
        let record = session.finished();
        // Later words and events change nothing.
        session.tell(&notice(agent, "other words"));
        session.tell(&agent.stops("more words"));
        session.tell(&turn_ends(session, &[]));
        assert_eq!(session.types().stdout, "");
        assert_eq!((message(session).as_str(), session.finished()), (expected, record));
        assert_eq!(session.owed().len(), 0);
        assert_eq!(log(session.env), "");
    });
}

/// The notice's text is kept if SubagentStop did not come, or said nothing.
#[test]
fn the_notice_gives_what_is_missing() {
    with_agent(|session, agent| {
        session.tell(&notice(agent, "first\nsecond"));
        assert_eq!(message(session), "first\nsecond\n");
    });
    for words in [json!(null), json!(""), json!(7)] {
        with_agent(|session, agent| {
            let mut stops = agent.stops("");
            stops["last_assistant_message"] = words;
            session.tell(&stops);
            assert!(is_none_kept(session));
            session.tell(&notice(agent, "late words"));
            assert_eq!(message(session), "late words\n");
        });
    }
}

/// What an agent says while its own work runs is not its last message. An agent that runs again gets a second one.
#[test]
fn only_the_last_words_of_each_life_are_kept() {
    with_agent(|session, agent| {
        session.call(7).of_agent("a1").starts();
        session.tell(&agent.stops("interim"));
        session.tell(&agent.interim());
        assert!(is_none_kept(session));
        let _ = session.submits(&session.call(7).notice());
        session.tell(&agent.starts());
        session.tell(&agent.stops("first life"));
        session.tell(&agent.starts());
        session.tell(&agent.stops("second life"));
        let files = fs::read_dir(session.env.state().join("output")).unwrap();
        let mut kept: Vec<String> = files
            .map(|file| fs::read_to_string(file.unwrap().path()).unwrap())
            .filter(|text| text.contains("life"))
            .collect();
        kept.sort();
        assert_eq!(kept, ["first life\n", "second life\n"]);
    });
}

/// `keep_agent_messages` switches it off. Unknown agents leave nothing either.
#[test]
fn no_message_is_kept_unasked() {
    with_agent(|session, agent| {
        let stranger = Agent::new(session, 5);
        session.tell(&stranger.stops("a stranger's words"));
        session.tell(&notice(&stranger, "a stranger's words"));
        session.env.set(&json!({ "keep_agent_messages": false }));
        session.tell(&agent.stops("done"));
        session.tell(&notice(agent, "done"));
        assert!(is_none_kept(session));
        assert_eq!(session.finished().len(), 1);
    });
}

#[test]
fn a_long_message_keeps_both_ends() {
    with_agent(|session, agent| {
        session.tell(&agent.stops(&format!("begin\n{}end", "word\n".repeat(1_000_000))));
        let kept = message(session);
        assert!(kept.starts_with("begin\nword\n") && kept.ends_with("word\nend\n"));
        assert!((100_000..100_100).contains(&kept.len()), "{}", kept.len());
    });
}

/// If the message can't be kept, the end is recorded all the same, and nothing is written behind a link.
#[test]
fn a_message_that_cannot_be_kept_costs_no_end() {
    with_agent(|session, agent| {
        let elsewhere = session.env.path().join("elsewhere");
        fs::create_dir(&elsewhere).unwrap();
        symlink(&elsewhere, session.env.state().join("output")).unwrap();
        session.tell(&agent.stops("done"));
        assert_eq!(session.finished().len(), 1);
        assert_eq!(fs::read_dir(&elsewhere).unwrap().count(), 0);
        assert!(log(session.env).contains("not a folder of this user alone"));
    });
}

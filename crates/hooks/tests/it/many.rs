//! More results at once than one reminder can do justice to.

use std::collections::{BTreeMap, BTreeSet};

use sisyphus_testing::TestEnv;

use crate::session::Session;
use crate::start::{log, told};

/// How often each task has a report of its own in a text.
fn reports(text: &str) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix("[sisyphus] Background task ") {
            assert!(rest.contains(" failed with exit code 4."), "{line}");
            let id = rest.split(' ').next().unwrap();
            *counts.entry(id.to_owned()).or_default() += 1;
        }
    }
    counts
}

/// Of 25 results, the first hook reports 20 and the next hook the rest, each once.
#[test]
fn twenty_results_at_once_then_the_rest() {
    let env = TestEnv::new();
    let session = Session::new(&env);
    // All of them run.
    env.set(&serde_json::json!({ "max_background_tasks": 0 }));
    let mut notices = Vec::new();
    for number in 1..=25 {
        let call = session.call(number);
        call.starts();
        // More than there is room for, if each says all it has.
        call.prints(&format!("error in {number}: {}\n", "x".repeat(200)).repeat(30));
        notices.push(call.notice());
    }
    let active = session.active();
    let ids: Vec<&str> = active.iter().map(|task| task["id"].as_str().unwrap()).collect();
    assert_eq!(ids.len(), 25);

    let first = reports(&told(&session.submits(&notices.join("\n"))));
    assert_eq!(session.active().len(), 0, "all have ended");
    let next = reports(&told(&session.types()));
    let told_of = |reports: &BTreeMap<String, usize>| -> BTreeSet<String> {
        reports.keys().cloned().collect()
    };
    let of = |ids: &[&str]| -> BTreeSet<String> { ids.iter().map(ToString::to_string).collect() };
    assert_eq!((told_of(&first), told_of(&next)), (of(&ids[..20]), of(&ids[20..])));
    assert!(first.values().chain(next.values()).all(|&count| count == 1), "{first:?} {next:?}");
    assert_eq!(session.types().stdout, "");
    session.tell(&session.event("stop.idle"));
    assert_eq!(log(&env), "");
}

//! Which task a name means to `sisyphus cancel`.

use sisyphus_testing::TestEnv;

use crate::planted::{assert_could_be, assert_fails, ended, failed, plant, running};
use crate::support::assert_good;

#[test]
fn a_task_that_has_ended_is_said_to_have_ended() {
    let env = TestEnv::new();
    plant(&env, "completed.json", &[ended("t1", "build", 1)]);
    let output = env.run("sisyphus", &["cancel", "build"]);
    assert_good(&output);
    let expected = "t1 (\"build\") had ended already: it completed with exit code 0.\n";
    assert_eq!(output.stdout, expected);
}

/// A part of a name stops nothing. The refusal says so, and names the tasks that it is a part of.
#[test]
fn a_part_of_a_name_stops_nothing() {
    let env = TestEnv::new();
    plant(&env, "active.json", &[running("t1", "run the tests"), running("t2", "run the app")]);
    let refuses = |name: &str, candidates: &[&str]| {
        let said =
            format!("no task `{name}`: to stop one, give its id or a whole name; it is a part of");
        assert_could_be(&env.run("sisyphus", &["cancel", name]), &said, candidates);
    };
    refuses("the tests", &["t1 (running: run the tests)"]);
    refuses("run the", &["t2 (running: run the app)", "t1 (running: run the tests)"]);
    assert_fails(
        &env.run("sisyphus", &["cancel", "no such"]),
        2,
        "no task `no such`; `sisyphus list`",
    );
}

/// Of several tasks that a name could mean, only those are named that have not ended.
#[test]
fn an_ended_task_is_no_candidate() {
    let env = TestEnv::new();
    plant(&env, "completed.json", &[ended("told", "build", 1), ended("tnew", "build", 2)]);
    plant(&env, "active.json", &[running("tnow", "build"), running("ttoo", "build")]);
    let refuses = |name: &str, said: &str, candidates: &[&str]| {
        assert_could_be(&env.run("sisyphus", &["cancel", name]), said, candidates);
    };
    let both = ["ttoo (running: npm test)", "tnow (running: npm test)"];
    refuses("build", "`build` could be several tasks; to stop one, give its id", &both);
    let part = "no task `uil`: to stop one, give its id or a whole name; it is a part of";
    refuses("uil", part, &["ttoo (running: build)", "tnow (running: build)"]);
    // The beginning of an id may be that of the ended task.
    let several = "`tn` could be several tasks; to stop one, give its id";
    refuses("tn", several, &["tnow (running: build)"]);
}

/// A name of ended tasks alone is answered with how the last of them ended. A part of their names is an error that says
/// so.
#[test]
fn a_name_of_ended_tasks_is_answered_with_their_end() {
    let env = TestEnv::new();
    plant(&env, "completed.json", &[ended("told", "build", 1), ended("tother", "lint", 3)]);
    plant(&env, "failed.json", &[failed("tnew", "build", 2)]);
    let output = env.run("sisyphus", &["cancel", "build"]);
    assert_good(&output);
    let expected = "tnew (\"build\") had ended already: it failed with exit code 3.\n";
    assert_eq!(output.stdout, expected);
    let expected = "no task `uil`; the last that it is a part of, tnew (\"build\"), has ended: it failed with exit code 3";
    assert_fails(&env.run("sisyphus", &["cancel", "uil"]), 2, expected);
}

/// `list` shows the command of a task without a description, so the whole of it is a name.
#[test]
fn the_command_of_a_task_without_a_description_is_its_name() {
    let env = TestEnv::new();
    plant(&env, "completed.json", &[ended("t1", "", 1)]);
    // It has the same command, and is listed by its description.
    plant(&env, "active.json", &[running("t2", "tests")]);
    let output = env.run("sisyphus", &["cancel", "npm test"]);
    assert_good(&output);
    assert_eq!(output.stdout, "t1 had ended already: it completed with exit code 0.\n");
    let said = "no task `npm`: to stop one, give its id or a whole name; it is a part of";
    assert_could_be(&env.run("sisyphus", &["cancel", "npm"]), said, &["t2 (running: tests)"]);
}

/// Without a name the refusal says what else to give.
#[test]
fn a_cancel_of_nothing_names_all() {
    let output = TestEnv::new().run("sisyphus", &["cancel"]);
    assert_eq!((output.code, output.stdout.as_str()), (Some(2), ""), "{output:?}");
    let error = output.stderr.split("Usage:").next().unwrap();
    assert!(error.contains("--all") && error.contains("--session"), "{output:?}");
}

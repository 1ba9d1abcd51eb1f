//! `sisyphus run` where there can be no queue: the command runs all the same, unless it was asked for more.

use std::fs;

use sisyphus_testing::{Output, TestEnv, env};

use crate::queue::run::here;

/// What only a runner can keep to.
const NEEDS_RUNNER: [&[&str]; 4] =
    [&["--timeout", "5"], &["--detach"], &["--keep-going"], &["--after", "t1"]];

/// Runs a command where the shell line `before` leads.
fn after_line(env: &TestEnv, before: &str, args: &[&str]) -> Output {
    let mut shell = env.plain("sh");
    let sisyphus = env.command("sisyphus");
    shell.args(["-c", &format!("{before} && exec \"$@\""), "sh"]).arg(sisyphus.get_program());
    shell.arg("run").args(args);
    env::run(shell, b"")
}

/// As with `nohup`: a command needs no home, and no folder that has a name.
#[test]
fn without_a_home_or_folder_the_command_runs() {
    let env = TestEnv::new();
    for (before, why) in [
        ("unset HOME", "could not find the home folder: set HOME"),
        ("mkdir gone && cd gone && rmdir ../gone", "could not find the current folder; change to"),
    ] {
        let output = after_line(&env, before, &["sh", "-c", "echo ran; exit 4"]);
        assert_eq!((output.code, output.stdout.as_str()), (Some(4), "ran\n"), "{output:?}");
        let line =
            format!("sisyphus: could not queue the command, so it runs without a queue: {why}");
        assert!(output.stderr.starts_with(&line), "{output:?}");
        // The shell complains of its folder too.
        assert_eq!(output.stderr.matches("sisyphus: ").count(), 1, "{output:?}");
        for option in NEEDS_RUNNER {
            let output = after_line(&env, before, &[option, &["echo", "ran"]].concat());
            assert_eq!((output.code, output.stdout.as_str()), (Some(125), ""), "{output:?}");
            let line = format!("sisyphus: could not run the command as you asked: {why}");
            assert!(output.stderr.starts_with(&line), "{output:?}");
        }
    }
}

/// The top rule: without our state the command runs all the same.
#[test]
fn without_a_state_the_command_runs() {
    let env = TestEnv::new();
    let data = env.state().parent().unwrap().parent().unwrap().to_owned();
    fs::create_dir_all(&data).unwrap();
    fs::write(data.join("sisyphus"), "no folder").unwrap();
    let output = here(&env, &["sh", "-c", "echo ran; exit 4"]);
    assert_eq!((output.code, output.stdout.as_str()), (Some(4), "ran\n"), "{output:?}");
    assert!(output.stderr.contains("runs without a queue"), "{output:?}");
    // What only a runner can keep to is not passed over.
    for option in [&["--timeout", "5"][..], &["--detach"], &["--keep-going"]] {
        let output = here(&env, &[option, &["touch", "ran"]].concat());
        assert_eq!(output.code, Some(125), "{output:?}");
    }
    assert!(!env.project().join("ran").exists());
}

/// Without a place for its record a command runs without a queue, and says so on standard error.
#[test]
fn without_an_inbox_it_runs_unqueued() {
    let env = TestEnv::new();
    fs::create_dir_all(env.state()).unwrap();
    fs::write(env.state().join("inbox"), "").unwrap();
    let output = here(&env, &["sh", "-c", "echo ran; exit 3"]);
    assert_eq!((output.code, output.stdout.as_str()), (Some(3), "ran\n"), "{output:?}");
    assert!(output.stderr.contains("so it runs without a queue"), "{output:?}");
    // Without a runner nothing would keep the time.
    let output = here(&env, &["--timeout", "5", "echo", "ran"]);
    assert_eq!((output.code, output.stdout.as_str()), (Some(125), ""), "{output:?}");
    assert!(output.stderr.contains("could not run the command as you asked"), "{output:?}");
}

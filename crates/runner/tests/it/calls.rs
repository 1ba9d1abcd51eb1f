//! `sisyphus-run` called by another process than the snippet, or with other arguments.

use std::process::{Command, Stdio};

use sisyphus_testing::{Client, Output, Shell, env};

fn call(client: &Client, args: &[&str]) -> Output {
    let mut command = client.env.command("sisyphus-run");
    command.args(args);
    env::run(command, b"")
}

fn assert_refused(output: &Output, code: i32, what: &str) {
    let found = (output.code, output.stdout.as_str(), output.stderr.as_str());
    assert_eq!(found, (Some(code), "", ""), "{what}");
}

#[test]
fn wrong_arguments_are_refused_in_silence() {
    let client = Client::new(Shell::Bash);
    let cases: [&[&str]; 8] = [
        &[],
        &["claim"],
        &["--help"],
        &["string"],
        &["claim", "string", "more"],
        &["run"],
        &["hold", "string"],
        &["", ""],
    ];
    for args in cases {
        assert_refused(&call(&client, args), 2, &format!("{args:?}"));
    }
}

/// `sisyphus-run claim` refuses a claim that does not come from the snippet, and takes nothing.
#[test]
fn a_foreign_claim_takes_nothing() {
    let client = Client::new(Shell::Bash);
    client.announce("echo announced");
    let string = client.attached("echo announced");
    let runner = client.runner();
    let announced = client.announced_dir().to_str().unwrap().to_owned();
    let cases = [
        // By this test, which is no shell.
        string.clone(),
        String::new(),
        string.replace(&announced, "/"),
        string.replace(&announced, "/nowhere/announced/session-1"),
        string.replace(&announced, "announced"),
        string.replace(&announced, "/it's"),
    ];
    for string in cases {
        // By the runner of another folder, and by the one that the snippet names.
        assert_refused(&call(&client, &["claim", &string]), 1, &string);
        let mut direct = Command::new(&runner);
        client.env.apply(&mut direct);
        direct.args(["claim", &string]);
        assert_refused(&env::run(direct, b""), 1, &string);
    }
    // By a shell, but with another string than that which it executes.
    let script = format!("'{}' claim \"$STRING\"; echo $?", runner.display());
    let finished = client.spawn(&script, |shell, _| {
        shell.env("STRING", &string);
    });
    let finished = finished.wait();
    assert_eq!(finished.text(), "1\n");
    // Right in everything but one argument more.
    let finished = client.spawn(&string, |shell, _| {
        shell.arg("zero");
    });
    let finished = finished.wait();
    assert_eq!(finished.text(), "announced\n");

    assert!(client.announced_dir().exists());
    assert_eq!(client.task()["status"], "pending");
    assert!(!client.env.runs().join("claims").exists());
}

#[test]
fn without_a_claim_the_command_runs_unsupervised() {
    for shell in Shell::BOTH {
        let client = Client::new(shell);
        let string = client.attached("echo \"run by $0\"; exit 5");
        let cwd_file = client.env.path().join("cwd");
        let string = string.replace("CWD_FILE", cwd_file.to_str().unwrap());
        let mut command = client.env.command("sisyphus-run");
        // As the snippet names it: the string can be stripped.
        let runner = client.runner();
        let mut direct = Command::new(&runner);
        client.env.apply(&mut direct);
        direct.args(["run", &string]).env("SHELL", shell.program());
        let output = env::run(direct, b"");
        assert_eq!(output.code, Some(5), "{output:?}");
        assert_eq!(output.stdout, format!("run by {}\n", shell.program().display()));
        // And with a string that has no snippet, from another place.
        command.args(["run", "echo plain; exit 6"]);
        command.env("SHELL", shell.program()).stdin(Stdio::null());
        let output = env::run(command, b"");
        assert_eq!((output.code, output.stdout.as_str()), (Some(6), "plain\n"));
        assert!(client.tasks().is_empty());
    }
}

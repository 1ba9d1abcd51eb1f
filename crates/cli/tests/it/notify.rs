//! `sisyphus notify`: which way there is. With a desktop: in the tests of the notifier.

use serde_json::json;
use sisyphus_testing::{TestEnv, env};

#[test]
fn without_a_desktop_it_says_why_and_who_tells_then() {
    let env = TestEnv::new();
    let none = env.run("sisyphus", &["notify", "--test"]);
    assert_eq!(none.code, Some(1));
    assert!(
        none.stdout.starts_with("none: nothing was shown: could not show a notification: "),
        "{none:?}"
    );
    for (variable, value, way) in [
        ("TERM", "xterm", "its bell"),
        ("TERM", "foot", "OSC 777"),
        ("TERM", "xterm-kitty", "OSC 99"),
    ] {
        let mut command = env.command("sisyphus");
        command.arg("notify").env(variable, value);
        let told = env::run(command, b"");
        assert_eq!((told.code, told.stderr.as_str()), (Some(0), ""));
        let begin = format!(
            "terminal: the terminal shows notifications, by {way}: could not ask the desktop"
        );
        assert!(told.stdout.starts_with(&begin), "{told:?}");
    }
}

#[test]
fn a_test_that_reached_no_terminal_says_so() {
    let env = TestEnv::new();
    let mut command = env.command("sisyphus");
    command.args(["notify", "--test"]).env("TERM", "xterm");
    let told = env::run(command, b"");
    assert_eq!((told.code, told.stderr.as_str()), (Some(1), ""), "{told:?}");
    assert!(
        told.stdout.starts_with("none: nothing was shown: could not show a notification: "),
        "{told:?}"
    );
    assert!(told.stdout.ends_with(", and this is not a terminal\n"), "{told:?}");
}

#[test]
fn it_says_that_it_is_switched_off() {
    let env = TestEnv::new();
    assert_eq!(env.run("sisyphus", &["notify", "--json"]).json()["on"], true);
    env.set(&json!({ "background_notifications": false }));
    let said = env.run("sisyphus", &["notify", "--json"]).json();
    assert_eq!(
        (&said["on"], &said["route"], &said["version"]),
        (&json!(false), &json!("nobody"), &json!(1))
    );
}

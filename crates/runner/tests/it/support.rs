//! What several modules need.

use std::process::Command;

use sisyphus_testing::{Client, Process, Shell};

/// Runs a check once for each shell, in a session of its own.
#[expect(clippy::print_stdout, reason = "it tells with which shell a test failed")]
pub(crate) fn in_both(check: impl Fn(&mut Client)) {
    for shell in Shell::BOTH {
        println!("with {shell:?}");
        check(&mut Client::new(shell));
    }
}

/// The path of a fixture program.
pub(crate) fn fixture(client: &Client, name: &str) -> String {
    client.env.command(&format!("fixture-{name}")).get_program().to_str().unwrap().to_owned()
}

/// Sends a signal from a process that is not the target's parent.
pub(crate) fn kill_as_stranger(target: Process, signal: &str) {
    let status = Command::new("/bin/kill")
        .args([&format!("-{signal}"), &target.pid.to_string()])
        .status()
        .unwrap();
    assert!(status.success(), "kill -{signal} {}: {status}", target.pid);
}

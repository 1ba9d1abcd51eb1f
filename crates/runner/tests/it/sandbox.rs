//! Inside Claude Code's sandbox the state folder is read-only, and process numbers mean nothing outside.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;

use serde_json::json;
use sisyphus_testing::{Client, Shell, env};

use crate::support::in_both;

/// Starts the shell in mount and process namespaces of its own, the home read-only.
pub(crate) fn enter(client: &Client, shell: &mut Command) {
    let home = client.env.home();
    let client_tmp = client.env.client_tmp();
    let mut sandbox = Command::new("unshare");
    // Without root a user namespace, in which we are root, has to do.
    if !nix::unistd::geteuid().is_root() {
        sandbox.args(["--user", "--map-root-user"]);
    }
    sandbox.args(["--mount", "--pid", "--fork", "--mount-proc", "--kill-child", "sh", "-c"]);
    // Not with `exec`: the shell must not be the first process of its namespace, as it is not in Claude Code's.
    sandbox.arg(
        "{ mount --bind \"$0\" \"$0\" && mount -o remount,bind,ro \"$0\"; } || { echo no sandbox possible; exit 90; }\n\
         \"$@\"; exit $?",
    );
    sandbox.arg(home).arg(shell.get_program()).args(shell.get_args());
    client.env.apply(&mut sandbox);
    // There the variable names the folder itself.
    sandbox.env("SHELL", client.shell.program()).env("CLAUDE_CODE_TMPDIR", client_tmp);
    *shell = sandbox;
}

/// A sandboxed runner leaves its result in the run folder, and a hook outside takes it into the state.
#[test]
fn a_sandboxed_result_is_folded_outside() {
    in_both(|client| {
        client.env.switch_sandbox_on();
        let probe = client.env.home().join("probe");
        let command = format!(
            "echo \"$$ in the sandbox\"; touch {} 2>/dev/null && echo can write\nuntil [ -e go ]; do sleep 0.02; done; exit 3",
            probe.display()
        );
        let call = client.announce(&command);
        let output = fs::File::options();
        let running = client.spawn(&client.attached(&command), |shell, path| {
            enter(client, shell);
            let file = output.clone().append(true).open(path).unwrap();
            shell.stdout(file.try_clone().unwrap()).stderr(file);
            shell.stdin(std::process::Stdio::null());
        });
        client.bind(call, &running);
        // Not before: the hook that binds would see the end.
        fs::write(client.env.project().join("go"), "").unwrap();
        let finished = running.wait();
        let text = finished.text();
        assert!(!text.contains("no sandbox possible"), "this test must be able to mount: {text}");
        assert_eq!(finished.status.code(), Some(3), "{text}");
        assert!(!text.contains("can write"), "{text}");
        let pid: i32 = text.split(' ').next().unwrap().parse().unwrap();
        assert!(pid < 50, "not in a namespace of its own: {text}");

        // So far no process outside has looked: the state has only what it had before.
        let task = &client.env.state_file("active.json")["tasks"][0];
        assert_ne!(task["status"]["state"], "finished", "{task:#}");
        let folder = client.sandboxed_run_dir(&finished.id);
        assert!(!client.run_dir(&finished.id).join("attached.json").exists());
        assert!(folder.join("result.json").exists(), "{task:#}");
        assert_eq!(fs::read(folder.join("output.log")).unwrap(), finished.output);

        // Any hook reconciles.
        client.hook(
            "sisyphus-user-prompt-submit",
            json!({ "hook_event_name": "UserPromptSubmit", "prompt": "hello" }),
        );
        let now = &client.env.state_file("active.json")["tasks"][0];
        assert_eq!(now["id"], task["id"]);
        let task = client.task();
        assert_eq!((&task["status"], &task["exit_code"]), (&json!("failed"), &json!(3)));
        assert_eq!(task["client_id"], *finished.id);
        assert_eq!(fs::read(task["output_file"].as_str().unwrap()).unwrap(), finished.output);
        assert!(!folder.exists());
    });
}

/// Runs a script in a sandbox like Claude Code's: everything can be read, nothing can be written to, and no capability
/// lets root do more than its modes.
fn in_bubblewrap(client: &Client, script: &str) -> String {
    let mut sandbox = Command::new("bwrap");
    sandbox.args(["--ro-bind", "/", "/", "--dev", "/dev", "--unshare-user", "--unshare-pid"]);
    sandbox.args(["--proc", "/proc", "--cap-drop", "ALL", "--", "bash", "-c", script]);
    client.env.apply(&mut sandbox);
    let output = env::run(sandbox, b"");
    assert_eq!(output.code, Some(0), "{output:?}");
    output.stdout
}

/// T9: the kernel locks whatever can be opened, so a lock file of the state can't be opened where it can't be written to.
#[test]
fn a_sandboxed_command_holds_no_lock_of_the_state() {
    let client = Client::new(Shell::Bash);
    drop(client.announce("true"));
    let lock = client.env.state().join("state.lock");
    assert!(lock.is_file());
    let attack = format!(
        "exec 2>&1; for way in '<' '>' '>>' '<>'; do\n\
         ( eval \"exec 9$way{lock}\" && flock -xn 9 && echo held ) || echo refused; done",
        lock = lock.display()
    );
    let said = in_bubblewrap(&client, &attack);
    assert_eq!((said.matches("refused").count(), said.matches("held").count()), (4, 0), "{said}");
    // As it was in 0.1.0: the attack works.
    fs::set_permissions(&lock, fs::Permissions::from_mode(0o600)).unwrap();
    let said = in_bubblewrap(&client, &attack);
    assert_eq!(said.matches("held").count(), 1, "{said}");
}

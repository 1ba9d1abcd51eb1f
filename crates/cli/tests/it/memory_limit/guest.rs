//! What the runner does with control groups of version 2. Runs as root in a machine of its own.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::{Value, json};
use sisyphus_testing::{Client, Output, Shell, TestEnv, env, wait_for};

const ROOT: &str = "/sys/fs/cgroup";
/// More than the limit of 64 MB, and less.
const GREEDY: &str = "dd if=/dev/zero of=/dev/null bs=200000000 count=1";
const FRUGAL: &str = "dd if=/dev/zero of=/dev/null bs=20000000 count=1";
/// Another user.
const OTHER: u32 = 1_000;

/// The groups of a user, as systemd makes them: programs are in scopes of a slice.
struct Groups {
    root: PathBuf,
}

impl Groups {
    fn new() -> Self {
        // A test that has failed may have left its own.
        static COUNTER: AtomicU32 = AtomicU32::new(0);
        let number = COUNTER.fetch_add(1, Ordering::Relaxed);
        let groups = Self { root: Path::new(ROOT).join(format!("user-{number}.slice")) };
        fs::create_dir(&groups.root).unwrap();
        fs::write(Path::new(ROOT).join("cgroup.subtree_control"), "+memory").unwrap();
        groups.put("cgroup.subtree_control", "+memory");
        for name in ["app.slice", "app.slice/x.scope"] {
            fs::create_dir(groups.path(name)).unwrap();
        }
        groups.put("app.slice/cgroup.subtree_control", "+memory");
        groups
    }

    /// Has no group pass the memory controller on.
    fn hand_nothing_on(&self) {
        for group in [self.path("app.slice"), self.root.clone(), ROOT.into()] {
            fs::write(group.join("cgroup.subtree_control"), "-memory").unwrap();
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.root.join(name)
    }

    fn put(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).unwrap_or_else(|error| panic!("{name}: {error}"));
    }

    /// Has a program start in the scope, as this user.
    fn enter(&self, command: &mut Command, user: Option<u32>) {
        let scope = self.path("app.slice/x.scope/cgroup.procs");
        let mut scope = File::options().write(true).open(scope).unwrap();
        let enter = move || {
            scope.write_all(b"0")?;
            match user {
                Some(user) => nix::unistd::setuid(user.into()).map_err(io::Error::from),
                None => Ok(()),
            }
        };
        // SAFETY: between fork and exec only two system calls are made.
        unsafe { command.pre_exec(enter) };
    }

    /// Our groups, wherever they are.
    fn ours(&self) -> Vec<String> {
        let folders = [ROOT.into(), self.root.clone(), self.path("app.slice")];
        let entries = folders.iter().flat_map(|folder| fs::read_dir(folder).unwrap());
        let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        names.filter(|name| name.starts_with("sisyphus-")).collect()
    }
}

impl Drop for Groups {
    fn drop(&mut self) {
        // A test that has failed may have left processes there, and has said enough.
        if std::thread::panicking() {
            return;
        }
        for name in ["app.slice/x.scope", "app.slice", ""] {
            wait_for("the group to be empty", || fs::remove_dir(self.path(name)).ok());
        }
    }
}

/// A home with the limit, and one command of a person in the scope.
struct Case {
    env: TestEnv,
    user: Option<u32>,
}

impl Case {
    fn new() -> Self {
        let env = TestEnv::new();
        env.set(&json!({ "memory_limit_mb": 64 }));
        Self { env, user: None }
    }

    fn of_other_user() -> Self {
        let case = Self { user: Some(OTHER), ..Self::new() };
        let owned = Command::new("chown").args(["-R", "1000"]).arg(case.env.path()).status();
        assert!(owned.unwrap().success());
        case
    }

    /// Runs a shell's command. Returns how it ended, and its record.
    fn run(&self, groups: &Groups, line: &str) -> (Output, Value) {
        let output = self.sisyphus(groups, &["run", "--", "sh", "-c", line]);
        let list = self.sisyphus(groups, &["list", "--json"]).json();
        let newest = list["tasks"].as_array().and_then(|tasks| tasks.first().cloned());
        (output, newest.unwrap())
    }

    /// Runs a command that gets no limit, and no less memory for that. Returns the reason.
    fn lacks(&self, groups: &Groups) -> Value {
        let (output, task) = self.run(groups, GREEDY);
        assert_eq!(output.code, Some(0), "{output:?}");
        assert_eq!(task["memory_limit"]["in_force"], json!(false), "{task:#}");
        assert_eq!(groups.ours(), Vec::<String>::new());
        task["memory_limit"]["because"].clone()
    }

    /// What `sisyphus` answers in the scope.
    fn sisyphus(&self, groups: &Groups, args: &[&str]) -> Output {
        let mut command = self.env.command("sisyphus");
        groups.enter(&mut command, self.user);
        command.args(args);
        env::run(command, b"")
    }
}

fn in_force() -> Value {
    json!({ "mb": 64, "in_force": true, "because": null })
}

#[test]
#[ignore = "runs in a virtual machine"]
fn a_command_above_its_limit_is_ended() {
    let groups = Groups::new();
    let case = Case::new();
    let mut other = Command::new("sleep");
    groups.enter(&mut other, None);
    let mut other = other.arg("100").spawn().unwrap();
    let (output, task) = case.run(&groups, &format!("exec {GREEDY}"));
    assert_eq!(output.code, None, "{output:?}");
    let seen = [&task["status"], &task["signal"], &task["oom_kill"], &task["memory_limit"]];
    assert_eq!(
        seen,
        [&json!("killed"), &json!(9), &json!("memory_limit"), &in_force()],
        "{task:#}"
    );
    let text = case.sisyphus(&groups, &["show", task["id"].as_str().unwrap()]).stdout;
    for line in [
        "\nthe kernel ended a process of this command, which had reached its memory limit; largest process: ",
        "; memory limit: 64 MB\n",
        "\nmemory limit: 64 MB for all its processes together\n",
    ] {
        assert!(text.contains(line), "{line}: {text}");
    }
    let said = case.sisyphus(&groups, &["doctor"]).stdout;
    assert!(said.contains("commands that start from here are limited to 64 MB"), "{said}");
    assert_eq!(groups.ours(), Vec::<String>::new());
    assert!(other.try_wait().unwrap().is_none());
    other.kill().unwrap();
    other.wait().unwrap();
}

/// The limit is that of all processes together, and what the command makes of the end of one is its own exit code.
#[test]
#[ignore = "runs in a virtual machine"]
fn processes_count_together() {
    let groups = Groups::new();
    let case = Case::new();
    let half = "dd if=/dev/zero of=/dev/null bs=40000000 count=300";
    let (output, task) =
        case.run(&groups, &format!("{half} & {half} || exit 5; wait $! || exit 5"));
    assert_eq!(output.code, Some(5), "{output:?}");
    assert_eq!(task["oom_kill"], json!("memory_limit"), "{task:#}");
    let (output, task) = case.run(&groups, half);
    assert_eq!(output.code, Some(0), "{output:?}");
    assert_eq!(task["memory_limit"], in_force(), "{task:#}");
}

#[test]
#[ignore = "runs in a virtual machine"]
fn a_command_below_its_limit_is_let_be() {
    let groups = Groups::new();
    let case = Case::new();
    let (output, task) = case.run(&groups, &format!("{FRUGAL}; exit 3"));
    assert_eq!(output.code, Some(3), "{output:?}");
    assert_eq!((&task["oom_kill"], &task["memory_limit"]), (&Value::Null, &in_force()), "{task:#}");
    // Without the setting nothing is limited, and no record speaks of it.
    case.env.set(&json!({}));
    let (output, task) = case.run(&groups, GREEDY);
    assert_eq!((output.code, &task["memory_limit"]), (Some(0), &Value::Null), "{output:?}");
}

#[test]
#[ignore = "runs in a virtual machine"]
fn where_no_group_can_be_made_it_is_not_in_force() {
    let groups = Groups::new();
    let case = Case::of_other_user();
    assert_eq!(case.lacks(&groups), json!("no_rights"));
    let said = case.sisyphus(&groups, &["doctor"]).stdout;
    assert!(said.contains("is not in force from here: you may make no control group"), "{said}");
    assert!(said.contains("systemd-run --user --scope claude"), "{said}");
    // As systemd gives a slice to its user.
    for name in ["app.slice", "app.slice/cgroup.procs"] {
        chown(groups.path(name), Some(OTHER), None).unwrap();
    }
    let (output, task) = case.run(&groups, &format!("exec {GREEDY}"));
    assert_eq!((output.code, &task["memory_limit"]), (None, &in_force()), "{task:#}");

    let case = Case::new();
    groups.hand_nothing_on();
    assert_eq!(case.lacks(&groups), json!("no_controller"));
}

/// A command does not escape from what limits Claude Code.
#[test]
#[ignore = "runs in a virtual machine"]
fn no_group_with_a_limit_is_left() {
    let groups = Groups::new();
    groups.put("app.slice/x.scope/memory.max", "600000000");
    assert_eq!(Case::new().lacks(&groups), json!("would_leave_limits"));
}

/// A group that a killed runner has left goes with the end of the next command. One in use stays.
#[test]
#[ignore = "runs in a virtual machine"]
fn what_a_killed_runner_left_is_removed() {
    let groups = Groups::new();
    let case = Case::new();
    for name in ["sisyphus-left", "sisyphus-used", "sisyphus-new"] {
        fs::create_dir(groups.path("app.slice").join(name)).unwrap();
    }
    let new = File::open(groups.path("app.slice/sisyphus-new")).unwrap();
    new.try_lock().unwrap();
    let mut other = Command::new("sleep").arg("100").spawn().unwrap();
    groups.put("app.slice/sisyphus-used/cgroup.procs", &other.id().to_string());
    let (output, _) = case.run(&groups, "true");
    assert_eq!(output.code, Some(0));
    let mut left = groups.ours();
    left.sort();
    assert_eq!(left, ["sisyphus-new", "sisyphus-used"]);
    drop(new);
    other.kill().unwrap();
    other.wait().unwrap();
    assert_eq!(case.run(&groups, "true").0.code, Some(0));
    assert_eq!(groups.ours(), Vec::<String>::new());
}

/// A Claude Code in the scope, whose user limits the memory of commands.
fn limited() -> (Groups, Client) {
    let client = Client::new(Shell::Bash);
    client.env.set(&json!({ "memory_limit_mb": 64 }));
    (Groups::new(), client)
}

/// Starts the shell of an announced command in the scope.
fn shell(client: &Client, groups: &Groups, line: &str) -> sisyphus_testing::shell::Running {
    client.spawn(&client.attached(line), |shell, _| groups.enter(shell, None))
}

#[test]
#[ignore = "runs in a virtual machine"]
fn a_background_command_of_the_model_is_limited() {
    let (groups, client) = limited();
    let go = client.env.path().join("go");
    let line = format!("until [ -e {} ]; do sleep 0.1; done; {GREEDY}", go.display());
    let call = client.announce(&line);
    let running = shell(&client, &groups, &line);
    client.bind(call, &running);
    let limit = || {
        let task = client.task();
        task["memory_limit"]["in_force"].is_boolean().then_some(task["memory_limit"].clone())
    };
    assert_eq!(wait_for("the limit", limit), in_force());
    fs::write(go, "").unwrap();
    assert_eq!(running.wait().status.code(), Some(137));
    let text = client.types();
    let clause = "\nthe kernel ended a process of this command, which had reached its memory limit; largest process: ";
    assert!(text.contains(clause) && text.contains("; memory limit: 64 MB\n"), "{text}");
}

/// The runner can't tell a foreground command from the announced one with the same text. It gets no limit.
#[test]
#[ignore = "runs in a virtual machine"]
fn a_foreground_twin_is_not_limited() {
    let (groups, client) = limited();
    let line = format!("sleep 1; {GREEDY}");
    client.announce(&line);
    let running = shell(&client, &groups, &line);
    client.wait_until_attached(&running);
    assert_eq!(running.wait().status.code(), Some(0));
}

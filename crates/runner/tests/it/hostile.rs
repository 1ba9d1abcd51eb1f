//! The run folder of a sandboxed command may have been written by another one, which wants more than it may. Nothing of
//! it is believed that could do harm, nothing waits for it, and the other tasks go on.

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use sisyphus_state::store::{Lock, is_held};
use sisyphus_testing::{Client, Shell, env, wait_until};

/// A sandboxed task that was started, and whose runner is gone.
struct Victim {
    client: Client,
    id: String,
    folder: PathBuf,
}

impl Victim {
    fn new() -> Self {
        let client = Client::new(Shell::Bash);
        client.env.switch_sandbox_on();
        let mut call = client.announce("victim");
        let id = client.task()["id"].as_str().unwrap().to_owned();
        let announced = fs::read_dir(client.announced_dir()).unwrap().next().unwrap().unwrap();
        let announced = fs::read(announced.path()).unwrap();
        call["hook_event_name"] = json!("PostToolUse");
        call["tool_response"] = json!({ "stdout": "", "backgroundTaskId": "bvictim01" });
        let folder = client.sandboxed_run_dir("bvictim01");
        fs::DirBuilder::new().recursive(true).mode(0o700).create(&folder).unwrap();
        fs::write(folder.join("attached.json"), announced).unwrap();
        let started = json!({ "at": "2026-01-01T00:00:00Z" });
        fs::write(folder.join("started.json"), started.to_string()).unwrap();
        // A runner that lives: this test.
        let alive = Lock::acquire(&folder.join("lock"), Duration::ZERO).unwrap();
        client.hook("sisyphus-post-tool-use", call);
        assert_eq!(client.task()["status"], "running");
        drop(alive);
        // A shell that another test is starting has every open file of this process until it is one.
        wait_until("the lock to be open", || !is_held(&folder.join("lock")).unwrap());
        let victim = Self { client, id, folder };
        fs::write(victim.secret(), "root:x:0:0\n").unwrap();
        victim
    }

    /// What must not come out.
    fn secret(&self) -> PathBuf {
        self.client.env.path().join("secret")
    }

    fn write_result(&self, result: &Value) {
        fs::write(self.folder.join("result.json"), result.to_string()).unwrap();
    }

    /// Looks with the command line and with a hook; both must be quick, and say what they would say anyhow.
    fn look(&self) -> Value {
        let before = Instant::now();
        // First with a time limit of its own: what hangs must fail the test and not hang it.
        let mut bounded = Command::new("timeout");
        bounded.arg("10").arg(self.client.env.command("sisyphus").get_program()).arg("list");
        self.client.env.apply(&mut bounded);
        let listed = env::run(bounded, b"");
        assert_eq!(listed.code, Some(0), "{listed:?}");
        let prompt = json!({ "hook_event_name": "UserPromptSubmit", "prompt": "hello" });
        let reply = self.client.hook("sisyphus-user-prompt-submit", prompt);
        assert!(!reply.to_string().contains("root:x"), "{reply}");
        let task = self.client.tasks().into_iter().find(|task| task["id"] == *self.id).unwrap();
        assert!(before.elapsed() < Duration::from_secs(3), "it took {:?}", before.elapsed());
        assert!(!everything_below(&self.client.env.state()).contains("root:x"), "it came out");
        assert!(self.secret().exists());
        self.client.background("true").wait();
        let others = self.client.tasks();
        assert!(others.iter().any(|task| task["status"] == "completed"), "{others:#?}");
        let log = fs::read_to_string(self.client.env.state().join("hooks.log"));
        assert!(!log.unwrap_or_default().contains("panicked"), "a hook panicked");
        task
    }

    fn assert_lost(&self) {
        let task = self.look();
        assert_eq!((&task["status"], &task["exit_code"]), (&json!("lost"), &json!(null)));
    }
}

/// All that is recorded there. The programs below `bin` are none of it: any short text may occur among their bytes.
fn everything_below(dir: &Path) -> String {
    let mut text = String::new();
    for entry in fs::read_dir(dir).unwrap().map(Result::unwrap) {
        if entry.file_name() == "bin" {
            continue;
        }
        if entry.file_type().unwrap().is_dir() {
            text += &everything_below(&entry.path());
        } else {
            // The notifier is still at work, and renames what it has written.
            text += &if_there(beginning(&entry.path())).unwrap_or_default();
        }
    }
    text
}

fn beginning(path: &Path) -> io::Result<String> {
    let mut bytes = Vec::new();
    File::open(path)?.take(1_000_000).read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

fn if_there<T>(read: io::Result<T>) -> Option<T> {
    match read {
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        read => Some(read.unwrap()),
    }
}

fn result() -> Value {
    json!({
        "exit": { "code": 0 },
        "stop": "none",
        "started_at": "2026-01-01T00:00:00Z",
        "ended_at": "2026-01-01T00:00:01Z",
        "duration_ms": 1000,
        "output": { "bytes": 5, "dropped": 0 },
    })
}

#[test]
fn a_true_result_is_believed() {
    let victim = Victim::new();
    victim.write_result(&result());
    assert_eq!(victim.look()["status"], "completed");
}

#[test]
fn a_link_for_a_result_is_not_followed() {
    let victim = Victim::new();
    let elsewhere = victim.client.env.path().join("elsewhere");
    fs::write(&elsewhere, result().to_string()).unwrap();
    symlink(&elsewhere, victim.folder.join("result.json")).unwrap();
    victim.assert_lost();
}

#[test]
fn a_huge_result_is_not_read() {
    let victim = Victim::new();
    let file = File::create(victim.folder.join("result.json")).unwrap();
    file.set_len(1024 * 1024 * 1024).unwrap();
    victim.assert_lost();
}

#[test]
fn pipes_and_folders_in_place_of_files_stop_nobody() {
    for name in
        ["result.json", "started.json", "output.log", "lock", "attached.json", "queued.json"]
    {
        println!("{name}");
        let victim = Victim::new();
        let path = victim.folder.join(name);
        let _ = fs::remove_file(&path);
        nix::unistd::mkfifo(&path, nix::sys::stat::Mode::S_IRWXU).unwrap();
        victim.look();
        let victim = Victim::new();
        let path = victim.folder.join(name);
        let _ = fs::remove_file(&path);
        fs::create_dir(&path).unwrap();
        victim.look();
    }
}

#[test]
fn a_run_folder_that_is_a_link_is_nobodys() {
    let victim = Victim::new();
    let elsewhere = victim.client.env.path().join("elsewhere");
    victim.write_result(&result());
    fs::rename(&victim.folder, &elsewhere).unwrap();
    symlink(&elsewhere, &victim.folder).unwrap();
    assert_ne!(victim.look()["status"], "completed");
    assert!(elsewhere.join("result.json").exists(), "removed through a link");
}

#[test]
fn a_link_inside_is_removed_and_not_what_it_names() {
    let victim = Victim::new();
    let elsewhere = victim.client.env.path().join("precious");
    fs::create_dir(&elsewhere).unwrap();
    fs::write(elsewhere.join("file"), "").unwrap();
    symlink(&elsewhere, victim.folder.join("sub")).unwrap();
    victim.write_result(&result());
    assert_eq!(victim.look()["status"], "completed");
    assert!(!victim.folder.exists() && elsewhere.join("file").exists());
}

#[test]
fn an_output_that_is_a_link_is_not_kept() {
    let victim = Victim::new();
    victim.write_result(&result());
    symlink(victim.secret(), victim.folder.join("output.log")).unwrap();
    let task = victim.look();
    assert_eq!((&task["status"], &task["output_file"]), (&json!("completed"), &json!(null)));
}

#[test]
fn a_huge_output_is_not_kept() {
    let victim = Victim::new();
    victim.write_result(&result());
    let file = File::create(victim.folder.join("output.log")).unwrap();
    file.set_len(1024 * 1024 * 1024).unwrap();
    assert_eq!(victim.look()["output_file"], json!(null));
}

/// No process reads or names another file that a result gives in place of Claude Code's.
#[test]
fn a_foreign_client_file_is_not_read() {
    let beside = |victim: &Victim, path: &str| {
        let tasks = victim.client.env.client_tmp().join("-proj/session-1/tasks");
        fs::create_dir_all(&tasks).unwrap();
        symlink(victim.secret(), tasks.join("bvictim01.output")).unwrap();
        format!("{}/{path}", tasks.display())
    };
    for path in ["../../../../../secret", "x/../../../../../../secret", "bvictim01.output"] {
        let victim = Victim::new();
        let mut hostile = result();
        hostile["client_file"] = beside(&victim, path).into();
        victim.write_result(&hostile);
        assert_eq!(victim.look()["status"], "completed", "{path}");
        let state = everything_below(&victim.client.env.state());
        assert!(!state.contains(".."), "the path with `..` was taken over: {state}");
    }
    for path in ["/etc/passwd", "/etc/../etc/passwd", "", "relative"] {
        let victim = Victim::new();
        let mut hostile = result();
        hostile["client_file"] = path.into();
        victim.write_result(&hostile);
        victim.look();
        let state = everything_below(&victim.client.env.state());
        assert!(!state.contains("passwd") && !state.contains("relative"), "{path}");
    }
}

#[test]
fn numbers_and_times_at_their_limits_break_nothing() {
    let extremes = [
        ("duration_ms", json!(u64::MAX)),
        ("output", json!({ "bytes": u64::MAX, "dropped": u64::MAX })),
        ("exit", json!({ "code": i32::MIN })),
        ("exit", json!({ "signal": i32::MAX })),
        ("ended_at", json!("+262142-12-31T23:59:59Z")),
        ("started_at", json!("-262143-01-01T00:00:00Z")),
        ("stop", json!({ "time_limit": u64::MAX })),
        ("usage", json!({ "cpu_ms": u64::MAX, "largest_process_bytes": 1 })),
    ];
    for stop in [json!("none"), json!({ "signal": 15 })] {
        for (field, value) in &extremes {
            println!("{field} {value} with stop {stop}");
            let victim = Victim::new();
            let mut hostile = result();
            hostile["stop"] = stop.clone();
            hostile[field] = value.clone();
            victim.write_result(&hostile);
            let task = victim.look();
            assert_ne!(task["status"], "running", "its end is never folded");
        }
    }
}

/// What a sandboxed command says that it used is about itself, if it can be. What the kernel did is not for it to say.
#[test]
fn figures_are_bounded_and_the_kernel_is_not_quoted() {
    for (cpu_ms, largest, kept) in
        [(5, 7, json!(5)), (u64::MAX, 7, json!(null)), (5, u64::MAX, json!(null))]
    {
        let victim = Victim::new();
        let mut hostile = result();
        hostile["exit"] = json!({ "signal": 9 });
        hostile["usage"] = json!({ "cpu_ms": cpu_ms, "largest_process_bytes": largest });
        hostile["oom_kill"] = json!("control_group");
        victim.write_result(&hostile);
        let task = victim.look();
        assert_eq!((&task["signal"], &task["cpu_ms"]), (&json!(9), &kept), "{task:#}");
        assert_eq!(task["oom_kill"], json!(null));
    }
}

#[test]
fn what_is_no_result_is_none() {
    let junk =
        ["", "{", "null", "[]", "{\"exit\":{\"code\":0}}", "\u{0}\u{0}", &"[".repeat(60_000)];
    for text in junk {
        let victim = Victim::new();
        fs::write(victim.folder.join("result.json"), text).unwrap();
        victim.assert_lost();
    }
}

/// A reader believes nothing below a folder that others can write to, or behind a link. It removes nothing there
/// either.
#[test]
fn a_root_that_is_not_ours_alone_tells_nothing() {
    let victim = Victim::new();
    victim.write_result(&result());
    let root = victim.client.env.runs();
    fs::set_permissions(&root, fs::Permissions::from_mode(0o777)).unwrap();
    assert_ne!(victim.look()["status"], "completed");
    fs::set_permissions(&root, fs::Permissions::from_mode(0o700)).unwrap();
    assert_eq!(victim.look()["status"], "completed");

    let victim = Victim::new();
    victim.write_result(&result());
    let root = victim.client.env.runs();
    let aside = victim.client.env.client_tmp().join("aside");
    fs::rename(&root, &aside).unwrap();
    symlink(&aside, &root).unwrap();
    assert_ne!(victim.look()["status"], "completed");
    fs::remove_file(&root).unwrap();
    fs::rename(&aside, &root).unwrap();
    assert_eq!(victim.look()["status"], "completed");
}

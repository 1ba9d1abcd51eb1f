//! A disk with the state that is full when a command ends, and has room again later.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use sisyphus_testing::{Client, TestEnv, failure_notice, wait_for};

use crate::queue::{job, let_go, session};
use crate::session_stage::{ANSWER, INIT, Stage};

/// Mounts a small disk at `$1` in a mount namespace of its own, and holds it until its input ends.
const HOLD: &str = r#"mount -t tmpfs -o size=64m,mode=700 none "$1" && echo ready && read -r _"#;

/// A small disk with the state of a session.
struct SmallDisk {
    holder: Child,
    root: PathBuf,
}

impl SmallDisk {
    /// Moves the state there; `None` where this user may not mount, as in many containers.
    fn with_state_of(env: &TestEnv) -> Option<Self> {
        let place = env.path().join("disk");
        fs::create_dir(&place).unwrap();
        let mut command = Command::new("unshare");
        if !nix::unistd::geteuid().is_root() {
            command.arg("--map-root-user");
        }
        command.args(["--mount", "sh", "-c", HOLD, "sh"]).arg(&place);
        let mut holder = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(holder.stdout.take().unwrap()).read_line(&mut line).unwrap();
        // The way into the namespace of another process.
        let below = place.strip_prefix("/").unwrap();
        let root = Path::new("/proc").join(holder.id().to_string()).join("root").join(below);
        let disk = Self { holder, root };
        if line != "ready\n" {
            return None;
        }
        let old = env.path().join("state-before");
        fs::create_dir_all(env.state()).unwrap();
        // Only root could copy a lock file, because no user may read it.
        let _ = fs::remove_file(env.state().join("state.lock"));
        fs::rename(env.state(), &old).unwrap();
        let copied = Command::new("cp").arg("-a").arg(old.join(".")).arg(&disk.root).status();
        assert!(copied.unwrap().success());
        symlink(&disk.root, env.state()).unwrap();
        Some(disk)
    }

    fn filler(&self) -> PathBuf {
        self.root.join("filler")
    }

    fn fill(&self) {
        let mut zeros = fs::File::open("/dev/zero").unwrap();
        let mut filler = fs::File::create(self.filler()).unwrap();
        let error = std::io::copy(&mut zeros, &mut filler).unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::StorageFull);
    }

    fn make_room(&self) {
        fs::remove_file(self.filler()).unwrap();
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = self.holder.kill();
        let _ = self.holder.wait();
    }
}

/// The model reads the exit code once there is room again, and the output from Claude Code's own file, since no copy of it was
/// kept. Until then the hooks say nothing, because they can't note it.
#[test]
fn a_full_disk_loses_no_exit_code() {
    let client = session(2);
    let Some(disk) = SmallDisk::with_state_of(&client.env) else {
        println!("not tested: mounting is not permitted here");
        return;
    };
    let command = "echo FATAL; until [ -e go-7 ]; do sleep 0.02; done; exit 7";
    let call = client.announce(command);
    let running = client.start(command);
    client.bind(call.clone(), &running);
    client.wait_until_running(&running);
    disk.fill();
    let_go(&client, 7);
    let notice = failure_notice(&call, &running, 7);
    assert_eq!(running.wait().status.code(), Some(7));
    assert_eq!((client.submits(&notice), client.stops()), (String::new(), String::new()));
    disk.make_room();
    let told = client.types();
    assert!(told.contains("failed with exit code 7 after "), "{told:?}");
    assert!(told.contains("\n| FATAL\n"), "{told:?}");
    assert_eq!(client.types(), "");
    assert_eq!(client.task()["exit_code"], 7);
    assert_eq!(fs::read_dir(client.env.state().join("runs")).unwrap().count(), 0, "left behind");
}

/// What fills the disk can be stopped.
#[test]
fn a_full_disk_keeps_no_command_from_its_stop() {
    let client = session(2);
    let Some(disk) = SmallDisk::with_state_of(&client.env) else {
        println!("not tested: mounting is not permitted here");
        return;
    };
    let running = job(&client, 7);
    client.wait_until_running(&running);
    let id = client.task()["id"].as_str().unwrap().to_owned();
    disk.fill();
    let output = client.env.run("sisyphus", &["cancel", &id]);
    assert!(output.stderr.contains("could not record the request to stop"), "{output:?}");
    running.wait();
    disk.make_room();
    assert_eq!(client.task()["status"], "cancelled", "{:#}", client.task());
}

/// The same for a person's command in the background.
#[test]
fn a_full_disk_loses_no_end_of_a_persons_command() {
    let client = session(2);
    let Some(disk) = SmallDisk::with_state_of(&client.env) else {
        println!("not tested: mounting is not permitted here");
        return;
    };
    let line = "until [ -e go-7 ]; do sleep 0.02; done; exit 7";
    let output = client.env.run("sisyphus", &["run", "--detach", "--", "sh", "-c", line]);
    assert_eq!(output.code, Some(0), "{output:?}");
    client.running_task();
    disk.fill();
    let_go(&client, 7);
    let lock = lock_of_only_run(&client);
    wait_for("its runner to end", || {
        (!sisyphus_state::store::is_held(&lock).unwrap()).then_some(())
    });
    disk.make_room();
    let task = client.task();
    assert_eq!(task["exit_code"], 7, "{task:#}");
}

/// Only its report says whether a session has answered. Without room for that, its end counts as unseen.
#[test]
fn a_full_disk_fails_no_session() {
    // Its input has room that its end would give back.
    let wait = "exec <&-; echo >ready; until [ -e go ]; do sleep 0.02; done";
    let mut stage = Stage::new(&format!("{INIT}; {wait}; {ANSWER}"));
    let Some(disk) = SmallDisk::with_state_of(&stage.env) else {
        println!("not tested: mounting is not permitted here");
        return;
    };
    stage.delegate("t1", 1);
    stage.wait_for_file("ready");
    disk.fill();
    fs::write(stage.env.project().join("go"), "").unwrap();
    stage.runners[0].wait().unwrap();
    disk.make_room();
    let task = stage.ended("t1");
    assert_eq!(task["status"]["outcome"], "lost", "{task:#}");
}

fn lock_of_only_run(client: &Client) -> PathBuf {
    let only = |dir: PathBuf| fs::read_dir(dir).unwrap().next().unwrap().unwrap().path();
    only(only(client.env.state().join("runs"))).join("lock")
}

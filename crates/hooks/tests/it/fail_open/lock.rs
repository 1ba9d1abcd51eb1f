//! The lock of the state in the hands of a process that does not go on.

use std::fs::File;
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, raise};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;
use sisyphus_testing::{TestEnv, wait_until};

use crate::session::Session;
use crate::start::log;

/// A process that took the lock and stopped itself. Killed at the end.
struct Holder {
    child: Child,
}

impl Holder {
    fn of(env: &TestEnv) -> Self {
        let own = std::env::current_exe().expect("the path of the test");
        let child = Command::new(own)
            .args(["--exact", "fail_open::lock::take_the_lock_and_stop", "--ignored"])
            .current_dir(env.state())
            .stdout(Stdio::null())
            .process_group(0)
            .spawn()
            .expect("a process");
        let holder = Self { child };
        let pid = Pid::from_raw(i32::try_from(holder.child.id()).expect("a process number"));
        wait_until("a stopped process with the lock", || {
            let flags = WaitPidFlag::WUNTRACED | WaitPidFlag::WNOHANG;
            matches!(waitpid(pid, Some(flags)), Ok(WaitStatus::Stopped(_, Signal::SIGSTOP)))
        });
        holder
    }
}

impl Drop for Holder {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
#[ignore = "not a test: what `Holder` runs, in a folder that has a lock"]
fn take_the_lock_and_stop() {
    let Ok(file) = File::options().write(true).open("state.lock") else { return };
    file.try_lock().unwrap();
    raise(Signal::SIGSTOP).unwrap();
}

/// I1: no hook waits long for a lock that a stopped process holds, and none loses what it saw.
#[test]
fn a_held_lock_delays_no_hook() {
    let env = TestEnv::new();
    let session = Session::new(&env);
    let (bound, unclaimed) = (session.call(1), session.call(2));
    bound.starts();
    session.tell(&unclaimed.before());
    session.owe(3, Some("a823f771c24d473c5"), 60);
    let before = std::fs::read(env.state().join("active.json")).unwrap();
    let holder = Holder::of(&env);
    let notice = {
        let mut event = session.event("user-prompt-submit.typed");
        event["prompt"] = bound.notice().into();
        event
    };
    // Each of these has something to change but for the announcement, which needs no lock. SubagentStart never has.
    let changing = [
        session.event("session-start.resume"),
        session.call(4).before(),
        session.call(4).after(),
        bound.stop("pre-tool-use.task-stop"),
        notice.clone(),
        session.event("stop.idle"),
        session.event("subagent-stop"),
        session.event("session-end.other"),
    ];
    let mut tries_again = 0;
    for event in changing {
        let already = log(&env).len();
        let begun = Instant::now();
        let said = session.send(&event).stdout;
        // SessionStart lists what runs without the lock.
        let tells = event["hook_event_name"] == "SessionStart";
        assert_eq!(
            said.contains("1 background command of this session has not finished"),
            tells,
            "{said}"
        );
        assert!(tells || said.is_empty(), "{said}: {event}");
        assert!(begun.elapsed() < Duration::from_secs(2), "{:?}: {event}", begun.elapsed());
        let noted = &log(&env)[already..];
        // Waited for once, however much there is to change. No user waits for a notice.
        let waits = usize::from(event != session.call(4).before());
        let wait = if event == notice { "waiting 1000 ms" } else { "waiting 100 ms" };
        assert_eq!(noted.matches(wait).count(), waits, "{noted:?}: {event}");
        assert_eq!(noted.matches("00 ms for").count(), waits, "{noted:?}: {event}");
        tries_again += noted.matches("waiting 0 ms").count();
    }
    assert!(tries_again > 0);
    let begun = Instant::now();
    session.tell(&session.event("subagent-start"));
    assert!(begun.elapsed() < Duration::from_secs(2), "{:?}", begun.elapsed());
    assert_eq!(std::fs::read(env.state().join("active.json")).unwrap(), before);

    drop(holder);
    let told = session.send(&session.event("stop.shell-running")).stdout;
    assert!(told.contains("failed with exit code 3"), "the subagent is over: {told}");
    assert_eq!(session.active().len(), 0, "the lock went with its holder");
    let finished = session.finished();
    let outcomes: Vec<&str> =
        finished.iter().map(|task| task["status"]["outcome"].as_str().unwrap()).collect();
    assert_eq!(outcomes, ["failed", "failed", "lost"], "{finished:?}");
    assert_eq!(finished[1]["status"]["exit_code"], 4);
    assert_eq!(finished[1]["stop_asked"]["by"], "model");
    assert_eq!(finished[2]["tool_use_id"], "toolu_4");
}

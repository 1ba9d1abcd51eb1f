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
    let Ok(file) = File::open("state.lock") else { return };
    file.try_lock().unwrap();
    raise(Signal::SIGSTOP).unwrap();
}

#[test]
fn no_hook_waits_long_for_a_lock_that_a_stopped_process_holds() {
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
    // Each of these has something to change. SubagentStart never has, and SessionStart only adds a file of its own.
    let changing = [
        session.call(4).before(),
        session.call(4).after(),
        bound.stop("pre-tool-use.task-stop"),
        notice,
        session.event("stop.idle"),
        session.event("subagent-stop"),
        session.event("session-end.other"),
    ];
    for event in changing {
        let already = log(&env).len();
        let begun = Instant::now();
        assert_eq!(session.send(&event).stdout, "", "{event}");
        assert!(begun.elapsed() < Duration::from_secs(2), "{:?}: {event}", begun.elapsed());
        let noted = &log(&env)[already..];
        assert!(noted.contains("could not lock"), "{noted:?}: {event}");
    }
    for (name, says) in [("session-start.resume", "1 background command"), ("subagent-start", "")] {
        let begun = Instant::now();
        let said = session.send(&session.event(name)).stdout;
        assert!(said.contains(says) && said.is_empty() == says.is_empty(), "{name}: {said}");
        assert!(begun.elapsed() < Duration::from_secs(2), "{:?}: {name}", begun.elapsed());
    }
    assert_eq!(std::fs::read(env.state().join("active.json")).unwrap(), before);

    drop(holder);
    session.tell(&session.event("stop.shell-running"));
    assert_eq!(session.active().len(), 1, "the lock went with its holder");
}

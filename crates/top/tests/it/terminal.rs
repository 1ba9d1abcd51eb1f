//! The dashboard in a terminal of tmux, over tasks that misbehave.

use std::sync::Arc;
use std::sync::mpsc::channel;

use anyhow::{Result, bail};
use sisyphus_testing::{TestEnv, Tmux};
use sisyphus_top::{Backend, Life, Palette, Row, Snapshot, Tone};

/// Two tasks. The output of the second can't be read to its end. What would run again is a panic.
struct Misbehaving;

impl Backend for Misbehaving {
    fn read(&self) -> Result<Snapshot> {
        let row = |id: &str| Row {
            id: id.to_owned(),
            life: Life::Live,
            state: "running".to_owned(),
            tone: Tone::Live,
            time: "1 s".to_owned(),
            project: "proj".to_owned(),
            what: format!("work of {id}"),
            last_line: String::new(),
        };
        Ok(Snapshot { rows: vec![row("t1"), row("t2"), row("t3")], ..Snapshot::default() })
    }

    fn tail(&self, id: &str) -> Vec<String> {
        if id == "t2" {
            let (_sender, silence) = channel::<()>();
            // Longer than a person waits.
            let _ = silence.recv_timeout(std::time::Duration::from_secs(60));
        }
        vec![format!("output of {id}")]
    }

    fn restart_preview(&self, _: &str) -> Result<Vec<String>> {
        panic!("the backend has panicked");
    }

    fn restart(&self, _: &str) -> Result<String> {
        bail!("it was not asked")
    }

    fn cancel(&self, _: &str) -> Result<String> {
        bail!("it can't be stopped")
    }
}

/// Not a test: the program that the tests start in a terminal.
#[test]
#[ignore = "needs a terminal"]
fn dashboard_of_misbehaving_tasks() {
    sisyphus_top::run(Arc::new(Misbehaving), Palette::Plain).unwrap();
}

fn start(env: &TestEnv) -> Tmux<'_> {
    let program = std::env::current_exe().unwrap();
    let line = format!(
        "echo before; {} --ignored --exact terminal::dashboard_of_misbehaving_tasks --nocapture; stty -a; cat",
        program.display()
    );
    let tmux = Tmux::start(env, (80, 40), &line);
    tmux.wait_for("output of t1");
    tmux
}

/// After a panic the terminal is as before, with the message on it.
#[test]
fn a_panic_gives_the_terminal_back() {
    let env = TestEnv::new();
    let tmux = start(&env);
    tmux.press(&["r"]);
    tmux.wait_for("the backend has panicked");
    tmux.wait_for(" icanon");
    let screen = tmux.screen();
    assert!(screen.contains("before\n") && !screen.contains("work of t1"), "{screen}");
}

/// While an output or an action takes its time, keys do what they do.
#[test]
fn a_slow_task_holds_up_no_key() {
    let env = TestEnv::new();
    let tmux = start(&env);
    tmux.type_in("xy");
    tmux.wait_for("it can't be stopped");
    tmux.type_in("j");
    tmux.wait_for("▸t2");
    tmux.type_in("j");
    tmux.wait_for("▸t3");
    tmux.type_in("q");
    tmux.wait_for(" icanon");
}

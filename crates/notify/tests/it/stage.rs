//! A state folder in which tasks end, a bus, and the notifier.

use std::process::Child;
use std::time::Duration;

use chrono::Utc;
use serde_json::{Value, json};
use sisyphus_base::clock::Now;
use sisyphus_base::paths::StateDir;
use sisyphus_state::reconcile::{Scope, World};
use sisyphus_state::store::{Active, Store};
use sisyphus_tasks::outcome::Outcome;
use sisyphus_tasks::session::Delegated;
use sisyphus_tasks::status::Ending;
use sisyphus_tasks::task::{Event, Kind, Task};
use sisyphus_testing::TestEnv;

use crate::bus::{Bus, Recorder};

const WAIT: Duration = Duration::from_secs(20);

pub(crate) const FAILED: Outcome = Outcome::Failed { exit_code: 3 };

pub(crate) struct Stage {
    pub(crate) desktop: Recorder,
    pub(crate) store: Store,
    _bus: Bus,
    pub(crate) env: TestEnv,
}

impl Stage {
    pub(crate) fn new() -> Self {
        Self::with_desktop(&[])
    }

    pub(crate) fn with_desktop(capabilities: &[&str]) -> Self {
        let env = TestEnv::new();
        let bus = Bus::start(&env);
        Self {
            desktop: Recorder::start(&env, capabilities),
            store: Store::new(StateDir::at(env.state())),
            _bus: bus,
            env,
        }
    }

    /// Tasks of one session that run, by their descriptions. A service beside them, which never ends.
    pub(crate) fn run(&self, names: &[&str]) {
        run(&self.store, &self.env, names);
    }

    pub(crate) fn end(&self, name: &str, outcome: Outcome, ran_ms: u64) {
        end(&self.store, name, outcome, ran_ms);
    }

    /// The task of this name turns out to be a delegated session, which has cost 42 cents, and ends.
    pub(crate) fn end_session(&self, name: &str, outcome: Outcome, problem: Option<&str>) {
        let delegated: Delegated = serde_json::from_value(json!({
            "conversation": "c1", "asked_by": { "asked_by": "person" }, "project": self.env.project(),
            "prompt": name, "prompt_length": name.len(), "depth": 1,
            "report": { "cost_micro_usd": 420_000, "problem": problem },
        }))
        .unwrap();
        commit(&self.store, |active, now| {
            let task = active.tasks.iter_mut().find(|task| task.description == name).unwrap();
            task.kind = Kind::Session;
            task.delegated = Some(Box::new(delegated));
            let ending = Ending { duration_ms: Some(182_000), ..Ending::unseen(outcome, now.at) };
            task.apply(Event::Ended(ending), now.tick);
        });
    }

    /// Starts a notifier.
    pub(crate) fn start(&self) -> Child {
        self.env.command("sisyphus-notify").spawn().unwrap()
    }

    /// Runs a notifier until it exits. Returns titles, each with its body behind a bar.
    pub(crate) fn told(&self) -> Vec<String> {
        assert!(self.start().wait().unwrap().success());
        assert!(!self.env.state().join("notify.json").exists());
        self.said()
    }

    pub(crate) fn said(&self) -> Vec<String> {
        let calls = self.desktop.calls();
        calls.iter().map(|it| format!("{} | {}", it.title, it.body.replace('\n', " / "))).collect()
    }
}

pub(crate) fn run(store: &Store, env: &TestEnv, names: &[&str]) {
    let tasks: Vec<Task> = names.iter().map(|name| task(env, name)).collect();
    commit(store, |active, _| active.tasks.extend(tasks));
}

pub(crate) fn end(store: &Store, name: &str, outcome: Outcome, ran_ms: u64) {
    commit(store, |active, now| {
        // Another process may have been first.
        let is_meant = |task: &&mut Task| task.description == name && !task.status().is_final();
        let Some(task) = active.tasks.iter_mut().find(is_meant) else { return };
        let ending = Ending {
            started_at: Some(now.at - Duration::from_millis(ran_ms)),
            duration_ms: Some(ran_ms),
            ..Ending::unseen(outcome, now.at)
        };
        task.apply(Event::Ended(ending), now.tick);
    });
}

/// Changes the state. No run is looked at: these tasks have none.
fn commit(store: &Store, change: impl FnOnce(&mut Active, Now)) {
    let client_tmp = store.dir().root();
    let world = World { is_gone: |_| false, client_tmp, scope: Scope::Ended };
    store.update(&world, WAIT, change).unwrap();
}

fn task(env: &TestEnv, name: &str) -> Task {
    let id: String = name.bytes().map(|byte| format!("{byte:x}")).collect();
    let status = json!({ "state": "running", "started_at": Utc::now(), "watch": "supervised" });
    let task: Value = json!({
        "id": format!("t{}", &id[..id.len().min(40)]), "ticket": 1, "session": "s1", "cwd": env.project(),
        "command": "true", "description": name, "status": status,
        "client": { "id": "b1" },
    });
    serde_json::from_value(task).unwrap()
}

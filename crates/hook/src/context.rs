//! What every handler works with.

use std::cell::OnceCell;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Result;
use sisyphus_base::clock::Now;
use sisyphus_base::environment::Environment;
use sisyphus_base::hook_log;
use sisyphus_base::paths::{StateDir, client_config_dir, client_tmp_dir};
use sisyphus_process::is_gone;
use sisyphus_settings::Settings;
use sisyphus_state::event::Event;
use sisyphus_state::reconcile::{Scope, World};
use sisyphus_state::store::{Active, LOCK_WAIT_IN_HOOK, Peek, Store};

/// The state, the settings and the surroundings of one hook.
#[derive(Debug)]
pub struct Context {
    pub environment: Environment,
    pub store: Store,
    /// When the hook started.
    pub now: Now,
    client_tmp: PathBuf,
    settings: OnceCell<Settings>,
}

impl Context {
    pub(crate) fn new(environment: Environment, state: StateDir) -> Self {
        let client_tmp = client_tmp_dir(&environment);
        let store = Store::new(state);
        Self { environment, store, now: Now::read(), client_tmp, settings: OnceCell::new() }
    }

    /// Claude Code's temporary folder.
    pub fn client_tmp(&self) -> &Path {
        &self.client_tmp
    }

    /// What this process can find out about instances of Claude Code and their files.
    pub fn world(&self) -> World<'_> {
        World { is_gone, client_tmp: &self.client_tmp, scope: Scope::All }
    }

    /// The last committed state, and what is new beside it.
    pub fn peek(&self) -> Result<Peek> {
        self.store.peek(&self.world())
    }

    /// [`Context::commit_within`] the time that a user may wait.
    pub fn commit<T>(
        &self,
        peek: Peek,
        events: &[Event],
        decide: impl FnOnce(&mut Active, Now) -> T,
    ) -> Result<T> {
        self.commit_within(LOCK_WAIT_IN_HOOK, peek, events, decide)
    }

    /// Posts events and decides, in one commit. If the lock is not free within `wait`, the next commit of another
    /// process applies the events, and nothing is decided.
    pub fn commit_within<T>(
        &self,
        wait: Duration,
        peek: Peek,
        events: &[Event],
        decide: impl FnOnce(&mut Active, Now) -> T,
    ) -> Result<T> {
        let decide = |active: &mut Active, now| {
            let value = decide(active, now);
            // The commit of a runner knows no settings.
            if let Some(settings) = self.settings.get() {
                active.on_complete = !settings.on_complete.is_empty();
            }
            value
        };
        self.store.commit(Some(peek), events, &self.world(), wait, decide)
    }

    /// The user's settings, as the project of this session restricts them. Read once.
    pub fn settings(&self) -> &Settings {
        self.settings.get_or_init(|| self.read_settings())
    }

    /// The same as they are now, for a hook that waits.
    pub fn read_settings(&self) -> Settings {
        let project = self.environment.claude_project_dir.as_deref();
        client_config_dir(&self.environment)
            .map(|dir| Settings::read_in(&dir, project))
            .unwrap_or_default()
    }

    /// The value of a step. Its error is logged without disturbing the user's turn.
    pub fn logged<T>(&self, step: &str, outcome: Result<T>) -> Option<T> {
        let log =
            |error: anyhow::Error| hook_log::append(self.store.dir(), step, &format!("{error:#}"));
        outcome.map_err(log).ok()
    }
}
